"""The serial monitor for programs without an event loop."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Self, TypeVar

from fbuild_watch.api import asks, reading
from fbuild_watch.api.asks import Ask
from fbuild_watch.api.exchange import Exchange, Wire
from fbuild_watch.api.monitor import NOT_OPEN, MonitorBase
from fbuild_watch.api.sync.link import CONNECT_S, Link, connect
from fbuild_watch.errors import ControlLost, NotRunning, NotWatched, TimedOut
from fbuild_watch.text.patterns import Match

T = TypeVar("T")

_PAUSE_S = 0.02


class SerialMonitor(MonitorBase):
    """What a board says, line by line, and a way to answer. A context manager.

    The board is that of a watched project, or the one on `port`. A flash borrows the port; the
    monitor goes on with what the new firmware says, and `on_event` is told of both.
    """

    _link: Link | None = None

    def read_line(self, timeout: float | None = None) -> str:
        """The next whole line, without its end. Raises TimedOut after `timeout` seconds."""
        return self._read(lambda wire: self._reading.line(wire), timeout, "a line")

    def read_lines(self, timeout: float | None = None) -> Iterator[str]:
        """Lines, until `timeout` seconds have passed in all (None: for ever)."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            try:
                line = self.read_line(left)
            except TimedOut:
                return
            yield line

    def expect(self, pattern: str | re.Pattern[str], timeout: float | None = None) -> Match:
        """Wait for a line, or the beginning of one, that the regex is found in.

        A string is a regex of `re`; one that takes more than a second on a line raises
        PatternTooSlow. A pattern that `re` has compiled takes as long as it takes.
        """
        compiled = reading.compiled(pattern)
        return self._read(lambda wire: self._reading.expect(wire, compiled), timeout, str(pattern))

    def write(self, data: str | bytes, timeout: float | None = 10.0) -> None:
        """Send to the board, as soon as no flash has the port. Raises WriterBusy."""
        raw = data.encode() if isinstance(data, str) else data
        self._ask(asks.write(self.attached.stream, raw), timeout)

    def write_json_rpc(
        self, method: str, params: Any = None, timeout: float | None = 10.0
    ) -> dict[str, Any]:
        """Send a JSON-RPC 2.0 request to the firmware, and wait for the line with its id."""
        id_, line = self._reading.next_call(method, params)
        self.write(line, timeout)
        return self._read(
            lambda wire: self._reading.answer(wire, id_), timeout, f"{method}'s answer"
        )

    def reset(self, timeout: float | None = 10.0) -> None:
        """Restart the board's firmware."""
        self._ask(asks.command(self.attached.stream, "reset"), timeout)

    def close(self) -> None:
        """Read no more."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def __enter__(self) -> Self:
        self._attach()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _attach(self) -> None:
        self._link = connect(self._reading.asked.name)
        try:
            self._link.run(self._reading.attach(self._link.wire), CONNECT_S, "attach")
        except BaseException:
            self.close()
            raise

    def _ask(self, ask: Ask[T], timeout: float | None) -> T:
        link = self._connected()
        exchange = link.wire.request(ask.method, ask.params, ask.kind)
        return ask.convert(link.run(exchange, timeout, ask.method))

    def _read(self, exchange: Callable[[Wire], Exchange[T]], timeout: float | None, what: str) -> T:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            link = self._connected()
            try:
                return link.run(exchange(link.wire), left, what)
            except ControlLost:
                if not self._reconnect:
                    raise
                self._attach_again(timeout, deadline, what)

    def _attach_again(self, timeout: float | None, deadline: float | None, what: str) -> None:
        self.close()
        while self._link is None:
            if deadline is not None and time.monotonic() > deadline:
                raise TimedOut(what, timeout or 0.0)
            with suppress(NotRunning, NotWatched, ControlLost):
                self._attach()
            time.sleep(_PAUSE_S)

    def _connected(self) -> Link:
        if self._link is None:
            raise ControlLost(NOT_OPEN)
        return self._link
