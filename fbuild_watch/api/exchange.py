"""A client's side of the protocol as generators: what to send, what was received, no I/O.

    for each need of an exchange: bytes are to be sent; None asks for more that was received

`sync/link.py` and `aio/link.py` run the same exchanges on a socket of their own kind.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

from msgspec import Struct

from fbuild_watch import __version__
from fbuild_watch.control import protocol
from fbuild_watch.control.frames import LIMIT, FrameReader
from fbuild_watch.control.messages import PROTOCOL, Hello, Welcome
from fbuild_watch.control.news import Cancel, Progress, Step, StreamEnded, StreamItem, StreamLost
from fbuild_watch.control.protocol import Failure, Notice, Reply
from fbuild_watch.errors import ControlLost

T = TypeVar("T")

Exchange = Generator[bytes | None, bytes, T]
"""Yields bytes to send, or None for more to read; is sent what was read (b"": the end)."""

StreamNews = StreamItem | StreamLost | StreamEnded


async def drive(exchange: Exchange[T], satisfy: Callable[[bytes | None], Awaitable[bytes]]) -> T:
    """Run an exchange on what sends and receives: for those with an event loop."""
    try:
        need = next(exchange)
        while True:
            need = exchange.send(await satisfy(need))
    except StopIteration as stop:
        done: T = stop.value
        return done


OnProgress = Callable[[Step], None]


def ignore(_step: Step) -> None:
    """No interest in progress."""


class Wire:
    """One connection's state. One exchange at a time."""

    def __init__(self) -> None:
        self._frames = FrameReader(16 * LIMIT)
        self._messages: deque[bytes] = deque()
        self._news: deque[StreamNews] = deque()
        self._last_id = 0

    def hello(self, token: str, name: str = "") -> Exchange[Welcome]:
        """Say who we are. Raises ControlRefused, VersionSkew."""
        who = name or f"pid {os.getpid()}"
        return self.request("hello", Hello(PROTOCOL, __version__, who, token), Welcome)

    def request(
        self, method: str, params: Struct, kind: type[T], on_progress: OnProgress = ignore
    ) -> Exchange[T]:
        """Ask, and wait for the answer. Raises what the process raised, or ControlLost."""
        self._last_id += 1
        yield protocol.write_request(self._last_id, method, params)
        while True:
            message = yield from self._next_message()
            match message:
                case Reply(id=self._last_id, result=raw):
                    return protocol.read_result(raw, kind)
                case Failure(id=(self._last_id | None), error=error):
                    raise error
                case Notice(params=Progress(id=self._last_id, step=step)):
                    on_progress(step)
                case Notice(params=StreamItem() | StreamLost() | StreamEnded() as news):
                    self._news.append(news)

    def news(self) -> Exchange[StreamNews]:
        """The next item of any stream, or that some were lost, or that there will be no more."""
        while not self._news:
            message = yield from self._next_message()
            match message:
                case Failure(error=error):
                    raise error
                case Notice(params=StreamItem() | StreamLost() | StreamEnded() as news):
                    self._news.append(news)
        return self._news.popleft()

    def post(self, method: str, params: Struct) -> bytes:
        """A request that nobody waits for: `news` raises its error, if there is one."""
        self._last_id += 1
        return protocol.write_request(self._last_id, method, params)

    def cancel(self) -> bytes:
        """What ends the request that is under way."""
        return protocol.write_notice(Cancel(self._last_id))

    def _next_message(self) -> Exchange[Reply | Failure | Notice]:
        while not self._messages:
            data: Any = yield None
            if not data:
                raise ControlLost("it closed the connection")
            self._messages.extend(self._frames.feed(data))
        return protocol.read_message(self._messages.popleft())
