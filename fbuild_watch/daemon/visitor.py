"""A board that no project has, while clients have a console on it: its port, read and lent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import trio

from fbuild_watch import words
from fbuild_watch.board import decoding
from fbuild_watch.board.commands import obey
from fbuild_watch.board.port import BoardPort
from fbuild_watch.control.news import State
from fbuild_watch.daemon.board import Leaves, Outlet
from fbuild_watch.errors import FbuildError
from fbuild_watch.model import Command, ConsoleItem, Environment, Notice

T = TypeVar("T")

Defect = Callable[[Exception], FbuildError]
"""Makes an error of what nobody expected."""


class Visitor:
    """One port, for as long as somebody reads it."""

    def __init__(self, name: str, baud: int, settings: Environment | None = None) -> None:
        """`settings`: those of a project whose board this is, as far as anybody knows."""
        self.outlet = Outlet()
        self._readers = 0
        self._gone = trio.Event()
        self._name = name
        self._decoding = decoding.of_settings(settings, self.tell)
        self._port = BoardPort(self._decoding.shown(self._show), baud)
        self._nursery: trio.Nursery

    @property
    def port(self) -> BoardPort:
        """Its way."""
        return self._port

    @asynccontextmanager
    async def opened(self, defect: Defect) -> AsyncIterator[None]:
        """Read it for the length of the block. Raises PortError.

        What nobody expected ends the block, and is told to the readers as what `defect` makes of it:
        it is the end of this port's consoles, and of nothing else.
        """
        await self._port.open(self._name)
        self._say_use("console")
        failed: FbuildError | None = None
        try:
            async with trio.open_nursery() as self._nursery:
                self._nursery.start_soon(
                    self._port.keep_reading, self._name, self.tell, self._decoding.forget
                )
                self._nursery.start_soon(self._port.send_typed)
                self._nursery.start_soon(self._decoding.run)
                yield
                await self._port.type_out()  # the last reader may have left with a last line
                self._nursery.cancel_scope.cancel()
        except* Exception as errors:
            failed = defect(errors)
        finally:
            await self._port.aclose()
            self.outlet.console.end(failed)

    def enter(self) -> Callable[[], None]:
        """A reader has come; what it calls when it goes."""
        self._readers += 1
        return self._leave

    def _leave(self) -> None:
        self._readers -= 1
        if self._readers == 0:
            self._gone.set()

    async def wait_until_left(self) -> None:
        """Return when the last reader has left."""
        await self._gone.wait()

    def stays(self) -> bool:
        """Whether another one has come since the last one left: then wait again."""
        if self._readers:
            self._gone = trio.Event()
        return bool(self._readers)

    def command(self, command: Command) -> None:
        """What a console asks for; only a watched project builds and flashes."""
        self._nursery.start_soon(self._obey, command)

    async def _obey(self, command: Command) -> None:
        await obey(self._port, command, self.tell)
        self._say_use("console")  # the speed may be another one

    async def lend(self, work: Callable[[BoardPort], Awaitable[T]], *, leaves: Leaves[T]) -> T:
        """Have the port used, and say so. Nothing was known of the board, and nothing is (`leaves`)."""
        self._say_use("flasher")
        self._decoding.forget()
        try:
            return await work(self._port)
        finally:
            self._say_use("console")

    def _say_use(self, use: str) -> None:
        said, port = words.port_use(use), self._port
        self.outlet.send(State("idle", use, None, said, port=self._name, baud=port.baud))

    async def _show(self, item: ConsoleItem) -> None:
        self.outlet.show(item)

    def tell(self, notice: Notice) -> None:
        """Say something to all who read it."""
        self.outlet.show(notice)
