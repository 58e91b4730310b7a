"""The serial monitor for programs with an event loop."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Self, TypeVar

import anyio

from fbuild_watch.api import asks, reading
from fbuild_watch.api.aio.link import CONNECT_S, Link, connect
from fbuild_watch.api.asks import Ask
from fbuild_watch.api.exchange import Exchange, Wire
from fbuild_watch.api.monitor import NOT_OPEN, MonitorBase
from fbuild_watch.errors import ControlLost, NotRunning, NotWatched, TimedOut
from fbuild_watch.text.patterns import Match

T = TypeVar("T")

_PAUSE_S = 0.02


class AsyncSerialMonitor(MonitorBase):
    """What a board says, line by line, and a way to answer. An async context manager.

    The board is that of a watched project, or the one on `port`. A flash borrows the port; the
    monitor goes on with what the new firmware says, and `on_event` is told of both.
    """

    _link: Link | None = None

    async def read_line(self, timeout: float | None = None) -> str:
        """The next whole line, without its end. Raises TimedOut after `timeout` seconds."""
        return await self._read(lambda wire: self._reading.line(wire), timeout, "a line")

    async def read_lines(self, timeout: float | None = None) -> AsyncIterator[str]:
        """Lines, until `timeout` seconds have passed in all (None: for ever)."""
        deadline = None if timeout is None else anyio.current_time() + timeout
        while True:
            left = None if deadline is None else deadline - anyio.current_time()
            try:
                line = await self.read_line(left)
            except TimedOut:
                return
            yield line

    async def expect(self, pattern: str | re.Pattern[str], timeout: float | None = None) -> Match:
        """Wait for a line, or the beginning of one, that the regex is found in.

        A string is a regex of `re`; one that takes more than a second on a line raises
        PatternTooSlow. A pattern that `re` has compiled takes as long as it takes.
        """
        compiled = reading.compiled(pattern)
        return await self._read(
            lambda wire: self._reading.expect(wire, compiled), timeout, str(pattern)
        )

    async def write(self, data: str | bytes, timeout: float | None = 10.0) -> None:
        """Send to the board, as soon as no flash has the port. Raises WriterBusy."""
        raw = data.encode() if isinstance(data, str) else data
        await self._ask(asks.write(self.attached.stream, raw), timeout)

    async def write_json_rpc(
        self, method: str, params: Any = None, timeout: float | None = 10.0
    ) -> dict[str, Any]:
        """Send a JSON-RPC 2.0 request to the firmware, and wait for the line with its id."""
        id_, line = self._reading.next_call(method, params)
        await self.write(line, timeout)
        return await self._read(
            lambda wire: self._reading.answer(wire, id_), timeout, f"{method}'s answer"
        )

    async def reset(self, timeout: float | None = 10.0) -> None:
        """Restart the board's firmware."""
        await self._ask(asks.command(self.attached.stream, "reset"), timeout)

    async def aclose(self) -> None:
        """Read no more."""
        if self._link is not None:
            await self._link.aclose()
            self._link = None

    async def __aenter__(self) -> Self:
        await self._attach()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.aclose()

    async def _attach(self) -> None:
        self._link = await connect(self._reading.asked.name)
        try:
            await self._link.run(self._reading.attach(self._link.wire), CONNECT_S, "attach")
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.aclose()
            raise

    async def _ask(self, ask: Ask[T], timeout: float | None) -> T:
        link = self._connected()
        exchange = link.wire.request(ask.method, ask.params, ask.kind)
        return ask.convert(await link.run(exchange, timeout, ask.method))

    async def _read(
        self, exchange: Callable[[Wire], Exchange[T]], timeout: float | None, what: str
    ) -> T:
        deadline = None if timeout is None else anyio.current_time() + timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - anyio.current_time())
            link = self._connected()
            try:
                return await link.run(exchange(link.wire), left, what)
            except ControlLost:
                if not self._reconnect:
                    raise
                await self._attach_again(timeout, deadline, what)

    async def _attach_again(self, timeout: float | None, deadline: float | None, what: str) -> None:
        await self.aclose()
        while self._link is None:
            if deadline is not None and anyio.current_time() > deadline:
                raise TimedOut(what, timeout or 0.0)
            with suppress(NotRunning, NotWatched, ControlLost):
                await self._attach()
            await anyio.sleep(_PAUSE_S)

    def _connected(self) -> Link:
        if self._link is None:
            raise ControlLost(NOT_OPEN)
        return self._link
