"""What a console is to show: one stream that nobody has to wait for, but for the port's reader."""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

from fbuild_watch.model import ConsoleItem, Notice, Status

BACKLOG = 10_000
"""Items a console may be behind before the port is read more slowly (the kernel buffers then)."""

_PAUSE_S = 0.01


class Feed:
    """The items for one console, in the order in which they happened."""

    def __init__(self, tap: Callable[[ConsoleItem], None] = lambda _item: None) -> None:
        """`tap` is called with each item, at once, and must not wait."""
        self._tap = tap
        self._send, self.items = trio.open_memory_channel[ConsoleItem](math.inf)

    async def show(self, item: ConsoleItem) -> None:
        """Show what the board said; slows its reader down when the console is far behind."""
        while self._send.statistics().current_buffer_used > BACKLOG:  # noqa: ASYNC110
            await trio.sleep(_PAUSE_S)  # a channel has no event for "nearly empty again"
        self._put(item)

    def tell(self, notice: Notice) -> None:
        """Say something in the scrollback. Never waits: the loop must not."""
        self._put(notice)

    def set_status(self, text: str) -> None:
        """Change the bottom bar. Never waits."""
        self._put(Status(text))

    def _put(self, item: ConsoleItem) -> None:
        self._send.send_nowait(item)
        self._tap(item)
