"""What clients ask to be done: build, flash, verify. In the loop of a watched project where there is
one, with its warm pipeline and its open port; else as the commands do it themselves.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import trio

from fbuild_watch import flash, image, project, serial
from fbuild_watch.app import App
from fbuild_watch.board.approach import Approach, of_project
from fbuild_watch.board.decoding import keep_elf
from fbuild_watch.board.port import Operation, flash_line
from fbuild_watch.build import BuildEvent
from fbuild_watch.built import load_built
from fbuild_watch.control import news
from fbuild_watch.control.connection import Call
from fbuild_watch.control.messages import (
    BuildAsked,
    BuildDone,
    EraseAsked,
    FlashAsked,
    Flashed,
    ReadAsked,
    ResetAsked,
)
from fbuild_watch.daemon import convert
from fbuild_watch.daemon.board import Leaves, as_before, build
from fbuild_watch.daemon.boards import Boards
from fbuild_watch.daemon.room import Room
from fbuild_watch.daemon.warm import WarmPipelines
from fbuild_watch.model import (
    BuildReport,
    Environment,
    FlashReport,
    Image,
    UploadRecipe,
    UploadReport,
    VerifyReport,
)
from fbuild_watch.pipeline import Pipeline

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a board is to hold, and the settings of its project, if it has one."""

    image: Image
    settings: Environment | None = None
    phases: Mapping[str, float] = field(default_factory=dict)


class Work:
    """The operations. `busy` says, in words, what is under way; `done` is called after each."""

    def __init__(self, boards: Boards, done: Callable[[], None] = lambda: None) -> None:
        self.busy: list[str] = []
        self._boards = boards
        self._done = done
        self._pipelines = WarmPipelines()

    # -- requests -----------------------------------------------------------------------

    async def build(self, call: Call) -> BuildDone:
        """`build`."""
        asked: BuildAsked = call.params
        with self._doing(f"building {asked.project}", call):
            report, environment = await self._build(
                asked.project, asked.environment, call, clean=asked.clean
            )
        return convert.built(report, environment)

    async def flash(self, call: Call) -> Flashed:
        """`flash`."""
        wanted = await self._wanted(call)
        flashed = await self._flash(call, wanted)
        with trio.CancelScope(shield=True):  # the board holds it, whoever has gone meanwhile
            await trio.to_thread.run_sync(keep_elf, wanted.settings, wanted.image)
        return flashed

    async def _flash(self, call: Call, wanted: Wanted) -> Flashed:
        if wanted.image.upload is not None:
            return Flashed(upload=await self._upload(call, wanted, wanted.image.upload))

        asked: FlashAsked = call.params

        async def operation(line: flash.Line, told: flash.Listener) -> FlashReport:
            return await flash_line(line, wanted.image, told)

        leaves = build(wanted.image.build_id)
        way = of_project(wanted.settings).but(mac=asked.mac, reset=asked.reset)
        report = await self.visit(
            call, wanted.settings, operation, "flashing", leaves=leaves, way=way
        )
        return Flashed(replace(report, phases={**wanted.phases, **report.phases}))

    async def _upload(self, call: Call, wanted: Wanted, recipe: UploadRecipe) -> UploadReport:
        port = await self.port(call.params.project, call.params.port, wanted.settings)
        with self._doing(f"flashing {port}", call):
            leaves = wanted.image.build_id
            report = await self._boards.upload(
                port, recipe, listener(call), leaves=leaves, who=call.client
            )
        return replace(report, phases={**wanted.phases, **report.phases})

    async def verify(self, call: Call) -> VerifyReport:
        """`verify`."""
        wanted = await self._wanted(call)

        async def operation(line: flash.Line, told: flash.Listener) -> VerifyReport:
            return await flash.verify(line, wanted.image, told)

        def leaves(report: VerifyReport, _before: str | None) -> str | None:
            return None if report.different else wanted.image.build_id

        report = await self.visit(call, wanted.settings, operation, "verifying", leaves=leaves)
        return replace(report, phases={**wanted.phases, **report.phases})

    # -- parts --------------------------------------------------------------------------

    async def port(
        self, project_dir: str | None, named: str | None, settings: Environment | None
    ) -> str:
        """The port that is meant. Raises PortError."""
        room = self._room(project_dir, None)
        configured = settings.upload_port or settings.monitor_port if settings else None
        if named is None and room is not None:
            return room.port_name(configured)
        if named or configured:
            return named or configured or ""
        found = await trio.to_thread.run_sync(serial.list_ports)
        return serial.choose_port(None, None, found, None)

    async def settings(self, asked: ResetAsked | EraseAsked | ReadAsked) -> Environment | None:
        """Of the project that the request names, if it names one. Raises ProjectError."""
        return await _load(asked.project, asked.environment) if asked.project is not None else None

    async def visit(
        self,
        call: Call,
        settings: Environment | None,
        operation: Operation[T],
        doing: str,
        *,
        leaves: Leaves[T] = as_before,
        way: Approach | None = None,
    ) -> T:
        """Do something with the board that is meant; see `Boards.visit`."""
        asked: FlashAsked | ResetAsked | EraseAsked | ReadAsked = call.params
        port = await self.port(asked.project, asked.port, settings)
        until_it_erases = trio.CancelScope()
        with self._doing(f"{doing} {port}", call), until_it_erases:
            result = await self._boards.visit(
                port,
                operation,
                way or of_project(settings),
                listener=listener(call, until_it_erases),
                leaves=leaves,
                who=call.client,
            )
        return result  # noqa: RET504 - by its type the scope may end the block early

    async def _wanted(self, call: Call) -> Wanted:
        """Plain files, what was built last, or what is built now. Raises as those do."""
        asked: FlashAsked = call.params
        if asked.images or asked.project is None:
            return Wanted(await trio.to_thread.run_sync(image.from_files, asked.images))
        if asked.no_build:
            settings = await _load(asked.project, asked.environment)
            built = await trio.to_thread.run_sync(load_built, settings)
            return Wanted(built, settings)
        with self._doing(f"building {asked.project}", call):
            report, settings = await self._build(asked.project, asked.environment, call)
        return Wanted(report.image, settings, report.phases)

    async def _build(
        self, project_dir: str, environment: str | None, call: Call, *, clean: bool = False
    ) -> tuple[BuildReport, Environment]:
        steps = convert.BuildSteps()

        def on_event(event: BuildEvent) -> None:
            if (step := steps.step(event)) is not None:
                call.progress(step)

        def telling(pipeline: Pipeline) -> AbstractContextManager[None]:
            return pipeline.telling(
                lambda text: call.progress(news.Remark(text)),
                lambda step: call.progress(convert.package(step)),
            )

        if (room := self._room(project_dir, environment)) is not None:
            app: App = room.app
            report = await app.build(clean=clean, on_event=on_event, telling=telling)
            return report, app.pipeline.environment
        async with self._pipelines.of(_real(project_dir), environment) as pipeline:
            with telling(pipeline):
                report = await pipeline.build(clean=clean, on_event=on_event)
            return report, pipeline.environment

    def _room(self, project_dir: str | None, environment: str | None) -> Room | None:
        room = self._boards.rooms.get(_real(project_dir)) if project_dir else None
        return room if room is not None and room.builds(environment) else None

    @contextmanager
    def _doing(self, what: str, call: Call) -> Iterator[None]:
        words = f"{what} for {call.client}"
        self.busy.append(words)
        try:
            yield
        finally:
            self.busy.remove(words)
            self._done()


def _real(folder: str) -> str:
    return os.path.realpath(folder)


async def _load(project_dir: str, environment: str | None) -> Environment:
    return await trio.to_thread.run_sync(project.load, Path(project_dir), environment)


def listener(call: Call, until_it_erases: trio.CancelScope | None = None) -> flash.Listener:
    """Progress for the client; its end is seen between two questions to the board.

    From the first erase on that scope is shielded: who ends the process hears of the outcome too.
    """
    token = trio.lowlevel.current_trio_token()

    def shield() -> None:
        if until_it_erases is not None:
            until_it_erases.shield = True

    def tell(step: news.Step) -> None:
        token.run_sync_soon(call.progress, step)

    return flash.Listener(
        device=lambda device: tell(news.DeviceFound(device)),
        progress=lambda now: tell(news.FlashStep(now.step, now.done, now.total)),
        erasing=lambda: token.run_sync_soon(shield),
        check_cancelled=trio.from_thread.check_cancelled,
    )
