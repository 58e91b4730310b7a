"""The pump from a port to a console: bytes in, text out, with the idle flush for prompts."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from math import inf

import trio

from fbuild_watch.errors import PortLost
from fbuild_watch.model import ConsoleItem, DeviceBytes
from fbuild_watch.serial.lines import LineAssembler
from fbuild_watch.serial.port import Port

IDLE = 0.05
"""Seconds of silence after which an unfinished line is shown."""
LONGEST = 0.25
"""Seconds after which it is shown in any case: a bar of dots may never be silent."""
_LAST_WORDS = 0.1
"""Seconds that a cancelled reader may take to hand on what it has."""

Send = Callable[[ConsoleItem], Awaitable[None]]


async def read_into(port: Port, send: Send) -> None:
    """Hand everything that `port` says to `send`, in order, until cancelled.

    The bytes of each read come first, then the text that they complete.

    What has arrived when it ends is handed on first. Raises PortLost when the port breaks,
    trio.ClosedResourceError when it was closed here.
    """
    lines = LineAssembler()
    ready: deque[ConsoleItem] = deque()
    try:
        while True:
            await _hand_on(ready, send)
            await _read(port, lines, ready)
    except (trio.Cancelled, PortLost, trio.ClosedResourceError):
        ready.extend(lines.finish())
        with trio.move_on_after(_LAST_WORDS, shield=True):
            await _hand_on(ready, send)
        raise


async def _read(port: Port, lines: LineAssembler, ready: deque[ConsoleItem]) -> None:
    """One read, or one silence."""
    data = b""
    now = trio.current_time()
    due = min(now + IDLE, lines.pending_since + LONGEST) if lines.pending else inf
    with trio.move_on_at(due):
        data = await port.receive_some()
    if data:
        now = trio.current_time()
        ready.append(DeviceBytes(data, now))
        ready.extend(lines.feed(data, now))
    elif tail := lines.flush():
        ready.append(tail)


async def _hand_on(ready: deque[ConsoleItem], send: Send) -> None:
    """Send what is ready; a cancelled send leaves its text in place."""
    while ready:
        await send(ready[0])
        ready.popleft()
