"""A connection to the running process over a plain socket: no threads, no event loop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Self, TypeVar

from fbuild_watch.api.asks import Ask
from fbuild_watch.api.exchange import Exchange, Wire
from fbuild_watch.control.locate import Located, locate
from fbuild_watch.control.messages import Welcome
from fbuild_watch.control.news import StreamEnded, StreamItem, StreamLost
from fbuild_watch.errors import ControlLost, NotAnswering, NotRunning, TimedOut

T = TypeVar("T")

CONNECT_S = 5.0

_CHUNK = 65536


class Link:
    """A connection to the running process. Runs one exchange at a time."""

    def __init__(self, located: Located, name: str = "") -> None:
        """Connect and say hello. Raises NotRunning, NotAnswering, ControlRefused, VersionSkew."""
        self.wire = Wire()
        self._socket = located.endpoint.make_socket()
        try:
            self._socket.settimeout(CONNECT_S)
            self._socket.connect(located.endpoint.address)
        except TimeoutError as error:
            self._socket.close()
            raise NotAnswering(located.pid) from error
        except OSError as error:
            self._socket.close()
            raise NotRunning(f"pid {located.pid} does not answer: {error.strerror}") from error
        try:
            hello = self.wire.hello(located.token, name)
            self.welcome: Welcome = self.run(hello, CONNECT_S, "hello")
        except TimedOut as error:
            self._socket.close()
            raise NotAnswering(located.pid) from error
        except BaseException:
            self._socket.close()
            raise

    def run(self, exchange: Exchange[T], timeout: float | None, what: str) -> T:
        """Run an exchange. Raises what it raises, ControlLost, TimedOut after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            need = next(exchange)
            while True:
                need = exchange.send(self._satisfy(need, deadline))
        except StopIteration as stop:
            done: T = stop.value
            return done
        except TimeoutError:
            raise TimedOut(what, timeout or 0.0) from None
        except OSError as error:
            raise ControlLost(error.strerror or str(error)) from error

    def _satisfy(self, need: bytes | None, deadline: float | None) -> bytes:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        if need is None:
            return self._socket.recv(_CHUNK)
        self._socket.sendall(need)
        return b""

    def ask(self, ask: Ask[T]) -> T:
        """Send a request that is answered at once. Raises as `run` does."""
        exchange = self.wire.request(ask.method, ask.params, ask.kind)
        return ask.convert(self.run(exchange, CONNECT_S, ask.method))

    def news(self, timeout: float | None) -> Iterator[StreamItem | StreamLost]:
        """What a stream brings, until it ends, or the process.

        Raises TimedOut when nothing comes for `timeout` seconds.
        """
        with suppress(ControlLost):
            while not isinstance(news := self.run(self.wire.news(), timeout, "event"), StreamEnded):
                yield news

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """The process cancels what it still does for us."""
        self._socket.close()


def connect(name: str = "", located: Located | None = None) -> Link:
    """A connection to the running process, or to what answers in its place.

    Raises NotRunning, NotAnswering, ControlRefused, VersionSkew.
    """
    located = located or locate()
    if located is None:
        raise NotRunning
    return Link(located, name)
