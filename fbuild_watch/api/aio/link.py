"""A connection to the running process over anyio's sockets: for trio and asyncio, no threads."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Self, TypeVar

import anyio
from anyio.abc import SocketStream

from fbuild_watch.api.asks import Ask
from fbuild_watch.api.exchange import Exchange, Wire, drive
from fbuild_watch.control.endpoint import HOST
from fbuild_watch.control.locate import Located, locate
from fbuild_watch.control.messages import Welcome
from fbuild_watch.control.news import StreamEnded, StreamItem, StreamLost
from fbuild_watch.errors import ControlLost, NotAnswering, NotRunning, TimedOut

T = TypeVar("T")

CONNECT_S = 5.0


class Link:
    """A connection to the running process. Runs one exchange at a time."""

    def __init__(self, stream: SocketStream) -> None:
        """Take over a connected stream; `connect` makes one."""
        self.wire = Wire()
        self.welcome: Welcome
        self._stream = stream

    async def run(self, exchange: Exchange[T], timeout: float | None, what: str) -> T:
        """Run an exchange. Raises what it raises, ControlLost, TimedOut after `timeout` seconds."""
        try:
            with anyio.fail_after(math.inf if timeout is None else max(0.0, timeout)):
                return await drive(exchange, self._satisfy)
        except TimeoutError:
            raise TimedOut(what, timeout or 0.0) from None
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise ControlLost(str(error) or "the connection broke") from error

    async def _satisfy(self, need: bytes | None) -> bytes:
        if need is not None:
            await self._stream.send(need)
            return b""
        try:
            return await self._stream.receive()
        except anyio.EndOfStream:
            return b""

    async def ask(self, ask: Ask[T]) -> T:
        """Send a request that is answered at once. Raises as `run` does."""
        exchange = self.wire.request(ask.method, ask.params, ask.kind)
        return ask.convert(await self.run(exchange, CONNECT_S, ask.method))

    async def news(self, timeout: float | None) -> AsyncGenerator[StreamItem | StreamLost, None]:
        """What a stream brings, until it ends, or the process.

        Raises TimedOut when nothing comes for `timeout` seconds.
        """
        with suppress(ControlLost):
            while not isinstance(
                news := await self.run(self.wire.news(), timeout, "event"), StreamEnded
            ):
                yield news

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """The process cancels what it still does for us."""
        await anyio.aclose_forcefully(self._stream)


async def connect(name: str = "") -> Link:
    """A connection to the running process.

    Raises NotRunning, NotAnswering, ControlRefused, VersionSkew.
    """
    located = locate()
    if located is None:
        raise NotRunning
    link = Link(await _open(located))
    try:
        link.welcome = await link.run(link.wire.hello(located.token, name), CONNECT_S, "hello")
    except TimedOut as error:
        await link.aclose()
        raise NotAnswering(located.pid) from error
    except BaseException:
        await link.aclose()
        raise
    return link


async def _open(located: Located) -> SocketStream:
    where = located.endpoint
    try:
        with anyio.fail_after(CONNECT_S):
            if where.kind == "unix":
                return await anyio.connect_unix(where.path)
            return await anyio.connect_tcp(HOST, where.port)
    except TimeoutError as error:
        raise NotAnswering(located.pid) from error
    except OSError as error:
        raise NotRunning(f"pid {located.pid} does not answer: {error.strerror}") from error
