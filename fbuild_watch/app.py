"""The running loop: one nursery that carries out effects and feeds what comes of them back.

Everything that happens arrives on one channel of events; only `_run_loop` owns the LoopState.
What is decided is in `loop.py`; how a stage works is in its room. Here they are only connected.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import trio

from fbuild_watch import flash, loop, loop_commands, words
from fbuild_watch.board import commands, decoding
from fbuild_watch.board.port import BoardPort
from fbuild_watch.build import BuildEvent
from fbuild_watch.errors import FbuildError, FlashCancelled, PortError
from fbuild_watch.feed import Console, Feed
from fbuild_watch.model import (
    BuildReport,
    Command,
    ConsoleInput,
    ConsoleItem,
    DeviceBytes,
    Environment,
    FlashReport,
    Image,
    InputEnded,
    Notice,
    Status,
    Typed,
    UploadReport,
)
from fbuild_watch.outputs import boards_folder
from fbuild_watch.pipeline import Pipeline
from fbuild_watch.system.end_signals import END_SIGNALS
from fbuild_watch.timing import PassTimes
from fbuild_watch.watcher import Changes, age, watch

T = TypeVar("T")

FIRST_BYTE_S = 2.0
"""How long the report of a pass waits for the firmware's first byte."""

BANNER_S = 0.15
"""So long after the first byte the report comes, so that it does not fall into the boot banner."""


EVENTS: dict[str, loop.Event] = {
    "flash": loop.FlashAsked(),
    "rebuild": loop.Edited(clean=True),
    "reset": loop.ResetAsked(),
    "pause": loop.PauseAsked(True),
    "resume": loop.PauseAsked(False),
    "quit": loop.QuitAsked(),
}
"""The commands of a console that are events of the loop; `loop_commands` answers the others."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a `watch` is about. `port` None: platformio.ini's, else the only board."""

    project_dir: Path
    environment: str | None = None
    port: str | None = None
    greeting: str = ""
    """What the console shows when the first pass is through."""
    colours: bool = False
    """Whether a terminal shows what the compilers say."""


async def run(
    settings: Settings,
    console: Console,
    *,
    on_pass: Callable[[Mapping[str, float]], None] = lambda _phases: None,
) -> None:
    """Watch, build, flash and show until the console returns or a signal comes.

    Raises what the console raises, and ProjectError when the project cannot be read at the start.
    `on_pass` is told the phase times of each pass that reached the board.
    """
    app = await load(settings, Observer(passed=on_pass))
    async with trio.open_nursery() as nursery:
        await nursery.start(_quit_on_signals, app)
        await app.run(console)
        nursery.cancel_scope.cancel()


async def _quit_on_signals(app: App, task_status: trio.TaskStatus[None]) -> None:
    with trio.open_signal_receiver(*END_SIGNALS) as signals:
        task_status.started()
        async for _ in signals:
            app.quit()


@dataclass(frozen=True, slots=True)
class Observer:
    """Who looks on: told at once, and must not wait."""

    item: Callable[[ConsoleItem], None] = lambda _item: None
    """Each item of the console."""
    state: Callable[[loop.LoopState, Status], None] = lambda _state, _shown: None
    passed: Callable[[Mapping[str, float]], None] = lambda _phases: None
    """The phase times of each pass that reached the board."""
    other_writer: Callable[[], str | None] = lambda: None
    """Who writes to the board in place of the console; None: nobody does."""
    input_ended: Callable[[], None] = lambda: None
    """The console will type no more."""


async def load(settings: Settings, observer: Observer) -> App:
    """An app whose project can be read. Raises ProjectError."""
    pipeline = Pipeline(settings.project_dir, settings.environment)
    pipeline.colours = settings.colours
    environment = await trio.to_thread.run_sync(pipeline.load)
    return App(settings, pipeline, environment, observer)


class App:
    """The tasks around one loop."""

    def __init__(
        self,
        settings: Settings,
        pipeline: Pipeline,
        environment: Environment,
        observer: Observer,
    ) -> None:
        self.state = loop.LoopState()
        boards = flash.BoardMemory(boards_folder(environment.project_dir))
        self._decoding = decoding.of_project(
            environment, lambda said: self._feed.tell(said), self._built_elf
        )
        shown = self._decoding.shown(self._shown)
        self.port = BoardPort(
            shown,
            environment.monitor_speed,
            boards,
            lambda: pipeline.environment if pipeline.plan else environment,
        )
        self.pipeline = pipeline
        self.pipeline.say = lambda said: self._feed.tell(Notice(said))
        self.environment_name = environment.name
        self.project_dir = environment.project_dir
        self._settings = settings
        self._greeting = settings.greeting
        self._observer = observer
        self._post, self._events = trio.open_memory_channel[loop.Event](math.inf)
        self._feed = Feed(observer.item)
        self._enter, self._inputs = trio.open_memory_channel[ConsoleInput](math.inf)
        self._inputs_taken = trio.Event()
        self._times = PassTimes()
        self._first_byte = trio.Event()
        self._building = trio.Lock()
        self.last_build: BuildReport | None = None
        self._chip, self._errors = "", 0
        self._took: float | None = None
        self._console_baud = environment.monitor_speed
        self._build_scope = trio.CancelScope()
        self._flash_scope = trio.CancelScope()
        self._nursery: trio.Nursery

    async def run(self, console: Console) -> None:
        """Until the loop leaves. A write under way is finished, whatever ends it."""
        try:
            async with trio.open_nursery() as self._nursery:
                self._nursery.start_soon(trio.to_thread.run_sync, flash.prepare)
                await self._nursery.start(self._watch)
                self._nursery.start_soon(self._run_console, console)
                self._nursery.start_soon(self._take_inputs)
                self._nursery.start_soon(self.port.send_typed)
                self._nursery.start_soon(self._decoding.run)
                await self._run_loop()
                self._nursery.cancel_scope.cancel()
        finally:
            self.pipeline.close()
            await self.port.aclose()

    async def _run_loop(self) -> None:
        self.state, effects = loop.start()
        while loop.Leave() not in effects:
            for effect in effects:
                self._carry_out(effect)
            self.show_state()
            self.state, effects = loop.step(self.state, await self._events.receive())

    def show_state(self, state: loop.LoopState | None = None) -> None:
        """Tell what is being done; `state`: in place of the loop's own."""
        state = state or self.state
        shown = Status(
            words.status(state.stage, state.port, state.proven),
            chip=self._chip,
            port=self.port.name,
            baud=self.port.baud,
            took=self._took,
            errors=self._errors,
        )
        self._feed.set_status(shown)
        self._decoding.board_holds(state.proven)
        self._observer.state(state, shown)

    def _carry_out(self, effect: loop.Effect) -> None:
        match effect:
            case loop.Build():
                self._build_scope.cancel()
                self._build_scope = trio.CancelScope()
                self._nursery.start_soon(self._build, effect, self._build_scope)
            case loop.CancelBuild():
                self._build_scope.cancel()
            case loop.Flash(image):
                self._flash_scope = trio.CancelScope()
                self._nursery.start_soon(self._flash, image, self._flash_scope)
            case loop.CancelFlash():
                self._flash_scope.cancel()
            case loop.FindPort():
                self._nursery.start_soon(self._find_port)
            case loop.Read():
                self._nursery.start_soon(self._read)
            case loop.ResetBoard():
                reset = Command("reset")
                self._nursery.start_soon(commands.obey, self.port, reset, self._feed.tell)
            case loop.Tell(notice):
                self._feed.tell(notice)

    # -- for clients of the process -----------------------------------------------------

    def quit(self) -> None:
        """End in good order: a write is finished first."""
        self._post.send_nowait(loop.QuitAsked())

    def tell(self, notice: Notice) -> None:
        """Say something in the console."""
        self._feed.tell(notice)

    def pause(self, paused: bool) -> None:
        """Let edits wait, or no more."""
        self._post.send_nowait(loop.PauseAsked(paused))

    def command(self, command: Command) -> None:
        """Do what a console would ask for."""
        event = EVENTS.get(command.name)
        if event is not None:
            self._post.send_nowait(event)
        else:
            self._nursery.start_soon(loop_commands.answer, self, command, self._feed.tell)

    async def build(
        self,
        *,
        clean: bool,
        on_event: Callable[[BuildEvent], None],
        telling: Callable[[Pipeline], AbstractContextManager[None]],
    ) -> BuildReport:
        """Build now, when the loop does not. Raises ProjectError, BuildError, ImageError."""
        async with self._building:
            with telling(self.pipeline):
                report = await self.pipeline.build(clean=clean, on_event=on_event)
            await self._decoding.keep(report.image)
            return report

    async def lend(
        self,
        work: Callable[[BoardPort], Awaitable[T]],
        *,
        leaves: Callable[[T, str | None], str | None],
    ) -> T:
        """Have the port used by `work`. Raises PortNotFound while there is no port.

        `leaves` makes of its result, and of the build that the board had proven before, the one
        that it holds then (None: nobody knows).
        """
        before = self.state.proven
        visited = replace(self.state, port=loop.PortUse.FLASHER)
        self.show_state(visited)
        self._decoding.forget()
        held: str | None = None
        try:
            result = await work(self.port)
            held = leaves(result, before)
        finally:  # also if we are ended in the middle, when the board may hold anything
            self._post.send_nowait(loop.BoardChanged(held))
            self.show_state()
        return result

    # -- building -----------------------------------------------------------------------

    async def _watch(self, task_status: trio.TaskStatus[None]) -> None:
        folder, roots = self._settings.project_dir, self.pipeline.roots
        ask, asked = trio.open_memory_channel[None](math.inf)
        self.pipeline.inputs_moved = partial(ask.send_nowait, None)
        await watch(
            folder,
            roots,
            self._edited,
            beside=self.pipeline.beside,
            asked=asked,
            task_status=task_status,
        )

    def _edited(self, changes: Changes) -> None:
        self.pipeline.edited(changes)
        if not self.pipeline.is_edit(changes):
            return
        self._times.edited(trio.current_time() - age(changes, time.time()))
        self._post.send_nowait(loop.Edited())

    async def _build(self, effect: loop.Build, scope: trio.CancelScope) -> None:
        with scope:
            async with self._building:  # the build before this one has ended its compilers
                self._times.build_started(trio.current_time())
                try:
                    report = await self.pipeline.build(clean=effect.clean)
                except FbuildError as error:
                    self._errors = words.count_errors(error)
                    self._post.send_nowait(loop.BuildBroke(effect.generation, error))
                else:
                    self.last_build, self._errors = report, 0
                    await self._follow_baud()
                    self._times.add(report.phases)
                    self._post.send_nowait(loop.Built(effect.generation, report))
                    await self._decoding.keep(report.image)  # before another build may begin

    def _built_elf(self) -> Path | None:
        return self.last_build.image.elf if self.last_build else None

    async def _follow_baud(self) -> None:
        """What the project says now, unless it says no other than before: `:baud` stays.

        A port that cannot, or that is gone, does not make a good build a failed one.
        """
        before, self._console_baud = self._console_baud, self.pipeline.environment.monitor_speed
        if self._console_baud == before:
            return
        try:
            await self.port.change_baud(self._console_baud)
        except PortError as error:
            self._feed.tell(words.failed(error))

    # -- the board ----------------------------------------------------------------------

    async def _find_port(self) -> None:
        await self.port.find(self._configured_port, self._feed.tell)
        self._post.send_nowait(loop.PortCame())

    def _configured_port(self) -> str | None:
        """Read anew each time: platformio.ini may have been corrected meanwhile."""
        if self._settings.port is not None:
            return self._settings.port
        with suppress(FbuildError):
            environment = self.pipeline.load()
            return environment.upload_port or environment.monitor_port
        return None

    async def _read(self) -> None:
        try:
            await self.port.read()
        except PortError as error:
            self._decoding.forget()
            self._post.send_nowait(loop.PortWent(error))

    async def _flash(self, image: Image, scope: trio.CancelScope) -> None:
        name = self.port.name
        try:
            with scope:
                await self._flash_now(image)
        except FbuildError as error:
            self._post.send_nowait(loop.FlashBroke(error))
        if scope.cancelled_caught:
            self._post.send_nowait(loop.FlashBroke(FlashCancelled(name)))

    async def _flash_now(self, image: Image) -> None:
        token = trio.lowlevel.current_trio_token()
        listener = flash.Listener(
            erasing=lambda: token.run_sync_soon(self._post.send_nowait, loop.EraseBegan()),
            check_cancelled=trio.from_thread.check_cancelled,
        )

        began = trio.current_time()

        def proven(report: FlashReport | UploadReport) -> None:
            self._feed.tell(words.flashed(report, image.build_id))
            self._chip = report.device.chip if isinstance(report, FlashReport) else ""
            self._times.add(report.phases)
            # The reset that lets the board go is part of the way to the first byte.
            self._times.released(began + sum(report.phases.values()))
            self._first_byte = trio.Event()
            self._nursery.start_soon(self._report_pass, self._times.phases)
            self._post.send_nowait(loop.Flashed(image.build_id))

        await self.port.flash(image, self.upload_baud(), listener, proven)

    def upload_baud(self) -> int:
        """The speed at which the board is written, as the project has it."""
        return self.pipeline.environment.upload_speed or flash.DEFAULT_BAUD

    async def _report_pass(self, phases: Mapping[str, float]) -> None:
        with trio.move_on_after(FIRST_BYTE_S):
            await self._first_byte.wait()
            await trio.sleep(BANNER_S)
        self._feed.tell(Notice(words.phases(phases)))
        self._observer.passed(phases)
        self._took = sum(phases.values())
        self.show_state()
        if self._greeting:
            self._feed.tell(Notice(self._greeting))
            self._greeting = ""

    # -- people -------------------------------------------------------------------------

    async def _run_console(self, console: Console) -> None:
        try:
            await console(self._feed.items, self._enter)
            self._enter.close()
            await self.port.type_out(self._inputs_taken)
        finally:
            self._post.send_nowait(loop.QuitAsked())

    async def _take_inputs(self) -> None:
        async for given in self._inputs:
            match given:
                case Typed(data):
                    self._type(data)
                case Command() as command:
                    self.command(command)
                case InputEnded():
                    self._observer.input_ended()
        self._inputs_taken.set()

    def _type(self, data: bytes) -> None:
        if (writer := self._observer.other_writer()) is not None:
            self._feed.tell(words.somebody_else_writes(writer))
        else:
            self.port.type(data)

    async def _shown(self, item: ConsoleItem) -> None:
        if isinstance(item, DeviceBytes) and self._times.first_byte(item.at):
            self._first_byte.set()
        await self._feed.show(item)
