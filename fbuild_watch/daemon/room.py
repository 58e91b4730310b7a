"""A watched project in the process: its loop, and what clients see of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import trio

from fbuild_watch import app
from fbuild_watch.app import App, Observer, Settings
from fbuild_watch.board.port import BoardPort
from fbuild_watch.control.messages import ProjectStatus
from fbuild_watch.control.news import Item, Pass
from fbuild_watch.daemon import convert
from fbuild_watch.daemon.board import Leaves, Outlet
from fbuild_watch.daemon.seat import Writer
from fbuild_watch.errors import PortNotFound
from fbuild_watch.feed import Console
from fbuild_watch.loop import LoopState
from fbuild_watch.model import Command, ConsoleInput, ConsoleItem, Notice
from fbuild_watch.model import Status as StatusLine

T = TypeVar("T")

TERMINAL = "the terminal of fbuild watch"


class Room:
    """One project."""

    def __init__(self, settings: Settings, tell: Callable[[str, Item], None]) -> None:
        self.settings = settings
        self.project = str(settings.project_dir)
        self.outlet = Outlet(self.project, tell)
        self.ended = trio.Event()
        self._app: App
        self._phases: dict[str, float] = {}
        self._last_port: str | None = None
        self._local = Writer(TERMINAL)

    @property
    def app(self) -> App:
        """Its loop; there is one once `load` is through."""
        return self._app

    @property
    def port(self) -> BoardPort:
        """Its board's."""
        return self._app.port

    def port_name(self, configured: str | None) -> str:
        """Its board's port, also while the board is away: as `watch` was told, else `configured`.

        Never another board's, for whoever asks may write to it. Raises PortNotFound: the board was
        found by itself, and is away.
        """
        if named := self.port.name or self.settings.port or configured:
            return named
        raise PortNotFound(self._last_port)

    async def load(self) -> None:
        """Read the project. Raises ProjectError."""
        observer = Observer(
            self.outlet.show, self._state, self._passed, self._let_type, self._let_others_type
        )
        self._app = await app.load(self.settings, observer)

    async def run(self, console: Console | None, *, interactive: bool = False) -> None:
        """Until the loop leaves: the console returns, or `quit` is called. Raises as the console.

        An interactive console writes from the start, another one from when it first does.
        """
        if interactive:
            self.outlet.seat.ask(self._local, "if-free", None)
        try:
            await self._app.run(console or _nobody)
        finally:
            self.outlet.console.end()

    @property
    def writing(self) -> bool:
        """Whether a flash is under way."""
        return self.port.lent

    def builds(self, environment: str | None) -> bool:
        """Whether this is the environment that the loop builds (None: whichever it is)."""
        return environment in (None, self._app.environment_name)

    def quit(self) -> None:
        """End in good order."""
        self._app.quit()

    def command(self, command: Command) -> None:
        """What a console asks for."""
        self._app.command(command)

    def tell(self, notice: Notice) -> None:
        """Say something to all who read it."""
        self._app.tell(notice)

    async def lend(self, work: Callable[[BoardPort], Awaitable[T]], *, leaves: Leaves[T]) -> T:
        """See `App.lend`."""
        return await self._app.lend(work, leaves=leaves)

    def status(self) -> ProjectStatus:
        """What it does now."""
        state = self._app.state
        return ProjectStatus(
            project=self.project,
            environment=self._app.environment_name,
            port=self.port.name,
            stage=str(state.stage),
            port_use="flasher" if self.writing else str(state.port),
            proven=state.proven,
            built=state.image.build_id if state.image else None,
            paused=state.paused,
            writer=self.outlet.seat.name,
            phases=self._phases,
        )

    def _state(self, state: LoopState, shown: StatusLine) -> None:
        self._last_port = self.port.name or self._last_port
        self.outlet.send(convert.state(state, shown))

    def _passed(self, phases: Mapping[str, float]) -> None:
        self._phases = dict(phases)
        self.outlet.send(Pass(self._phases))

    def _let_type(self) -> str | None:
        """The local console types: it gets the seat, or who has it is said."""
        self.outlet.seat.ask(self._local, "if-free", None)
        writer = self.outlet.seat.writer
        return writer.name if writer not in (None, self._local) else None

    def _let_others_type(self) -> None:
        self.outlet.seat.leave(self._local)


async def _nobody(
    items: trio.MemoryReceiveChannel[ConsoleItem], _inputs: trio.MemorySendChannel[ConsoleInput]
) -> None:
    """The console of a project that no terminal shows: clients read along, and the log."""
    async for _ in items:
        pass
