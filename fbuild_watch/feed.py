"""What a console is to show: one stream whose sender never waits, so that no reader, however slow,
slows the reading of a port down (a UART loses what is not fetched in time).

A console that falls far behind loses the oldest of what the board said, and is told how much; what
fbuild says itself is kept.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence

import trio

from fbuild_watch.model import ConsoleInput, ConsoleItem, DeviceBytes, DeviceText, Notice, Status

Console = Callable[
    ["trio.MemoryReceiveChannel[ConsoleItem]", "trio.MemorySendChannel[ConsoleInput]"],
    Awaitable[None],
]
"""A console takes what is to be shown and gives what a person does. Its return ends the loop."""

LIMIT = 8 << 20
"""Weight that may wait before the oldest half goes: seconds of a board at 3 Mbaud."""


class Feed:
    """The items for one console, in the order in which they happened."""

    def __init__(self, tap: Callable[[ConsoleItem], None] = lambda _item: None) -> None:
        """`tap` is called with each item, at once, and must not wait."""
        self._tap = tap
        self._send, self.items = trio.open_memory_channel[ConsoleItem](math.inf)
        self._put_since_look = 0

    async def show(self, item: ConsoleItem) -> None:
        """Show what the board said."""
        self.put(item)

    def tell(self, notice: Notice) -> None:
        """Say something in the scrollback."""
        self.put(notice)

    def set_status(self, status: Status) -> None:
        """Change the bottom bar."""
        self.put(status)

    def put(self, item: ConsoleItem) -> None:
        """Any item. Never waits."""
        self._send.send_nowait(item)
        self._tap(item)
        self._put_since_look += weight(item)
        if self._put_since_look > LIMIT:
            self._put_since_look = 0
            self._bound()

    def close(self) -> None:
        """That was all."""
        self._send.close()

    def _bound(self) -> None:
        """Look at what waits, which is at most twice the limit, and cut it to half of it."""
        waiting = [
            self.items.receive_nowait() for _ in range(self.items.statistics().current_buffer_used)
        ]
        for item in without_oldest(waiting):
            self._send.send_nowait(item)


def weight(item: ConsoleItem) -> int:
    """What an item costs while it waits: its text, and some bytes for being there."""
    match item:
        case DeviceBytes(data=content) | DeviceText(text=content) | Notice(text=content):
            return 64 + len(content)
    return 64


def without_oldest(items: Sequence[ConsoleItem]) -> list[ConsoleItem]:
    """As much of `items` as may wait: all, or the notices and the newest half of the limit."""
    if sum(map(weight, items)) <= LIMIT:
        return list(items)
    cut, kept = len(items), 0
    while kept < LIMIT // 2:
        cut -= 1
        kept += weight(items[cut])
    said = [item for item in items[:cut] if isinstance(item, Notice | Status)]
    lines = sum(isinstance(item, DeviceText) and item.complete for item in items[:cut])
    lost = Notice(f"{lines:,} lines were lost here: the reader of this output is too slow", "bad")
    return [*said, lost, *items[cut:]]
