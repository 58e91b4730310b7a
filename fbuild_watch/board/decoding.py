"""The decoder beside a board's stream: sees what is shown, and adds notices of its own to it.

    board -> BoardPort -> Decoding.shown -> the console(s)
                              |  text                 ^ notices
                              +-> Scanner -> thread --+

It runs once, where the board is: every console, local, attached or headless, reads the same stream.

Rules
- The board's output waits for nothing here. It is shown first; ELFs are read in a thread, and what
  comes of it follows as soon as it is there. A panic's ELF is read while the panic is printed.
- What waits is bounded: of more than WAITING crashes at once the oldest are dropped.
- A decoder of others keeps ours waiting no more than the console, however long it takes.
- The board is never asked and never reset.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from fbuild_watch.built import built_elf
from fbuild_watch.decode import (
    Board,
    CoreDump,
    Crash,
    Finding,
    KeptElfs,
    Plugins,
    Scanner,
    Sources,
    dumps,
)
from fbuild_watch.decode.choice import choose
from fbuild_watch.errors import FbuildError
from fbuild_watch.model import ConsoleItem, DeviceText, Environment, Image, Notice
from fbuild_watch.outputs import core_dumps_folder, elfs_folder
from fbuild_watch.processes.ended import typed
from fbuild_watch.processes.run_command import run_command
from fbuild_watch.system import surroundings

if TYPE_CHECKING:
    from fbuild_watch.decode.decoder import Decoder

SILENCE_S = 0.5
"""After so long without a line, a panic that has begun is whole."""
WAITING = 8
LINES = 4096
"""Lines that may wait for plugins."""
TOOL_S = 120.0
"""esp-coredump runs GDB once for each task."""
TOOL_LINES = 80

Show = Callable[[ConsoleItem], Awaitable[None]]
Job = Callable[[], Awaitable[None]]


def of_project(
    environment: Environment,
    tell: Callable[[Notice], None],
    built: Callable[[], Path | None],
) -> Decoding:
    """The decoder of a project's board; `built` is the ELF that was made last."""
    folder = environment.project_dir
    kept = KeptElfs(elfs_folder(folder))
    sources = Sources(kept, built, folder, environment.src_dir)
    return Decoding(tell, sources, core_dumps_folder(folder))


def of_settings(settings: Environment | None, tell: Callable[[Notice], None]) -> Decoding:
    """The decoder of a board that no loop has; `settings` are a project's, if there is one."""
    if settings is None:
        return Decoding(tell, Sources())
    return of_project(settings, tell, partial(built_elf, settings))


def keep_elf(settings: Environment | None, image: Image) -> None:
    """A board holds this build now. Blocks."""
    if settings is not None and image.elf is not None:
        KeptElfs(elfs_folder(settings.project_dir)).keep(image.build_id, image.elf)


class Decoding:
    """The decoder of one board."""

    def __init__(
        self,
        tell: Callable[[Notice], None],
        sources: Sources,
        folder: Path | None = None,
        plugins: Plugins | None = None,
    ) -> None:
        """`folder` is for core dumps; None: they cannot be kept."""
        self._tell = tell
        self._sources = sources
        self._proven: str | None = None
        self._is_kept = True
        self._folder = folder
        self._plugins = plugins or Plugins()
        self._scanner = Scanner()
        self._decoder: Decoder | None = None
        self._jobs: deque[Job] = deque(maxlen=WAITING)
        self._lines: deque[str] = deque(maxlen=LINES)
        self._line = ""
        self._heard = trio.Event()
        self._woken = trio.Event()
        self._seen = -math.inf

    def shown(self, show: Show) -> Show:
        """`show`, and a look at each item after it was shown."""

        async def show_and_look(item: ConsoleItem) -> None:
            await show(item)
            if isinstance(item, DeviceText):
                self._look(item)

        return show_and_look

    async def run(self) -> None:
        """Decode until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._run_plugins)
            while True:
                await self._wait()
                await self._do(self._prove)
                while self._jobs:
                    await self._do(self._jobs.popleft())

    async def _do(self, job: Job) -> None:
        """A defect here, or an ELF such as nobody has seen, must not end the console."""
        try:
            await job()
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            self._tell(Notice(f"decoding has failed, by a defect of fbuild ({what})", "bad"))

    # --- the ELFs of what is flashed ---

    async def keep(self, image: Image) -> None:
        """A build is about to be flashed: nothing may write over its ELF before this returns."""
        kept = self._sources.kept
        if kept is not None and image.elf is not None:
            await trio.to_thread.run_sync(kept.add, image.build_id, image.elf)

    def board_holds(self, build_id: str | None) -> None:
        """The board has proven that it holds this build; None: what it holds is not known."""
        if build_id != self._proven:
            self.forget()
            self._proven = build_id
            self._is_kept = build_id is None
            self._woken.set()

    def forget(self) -> None:
        """The port is lent, or it has gone: what the board said is not of what it says next."""
        for finding in self._scanner.left():
            self._found(finding)

    async def _prove(self) -> None:
        if not self._is_kept and self._proven is not None and self._sources.kept is not None:
            self._is_kept = True
            await trio.to_thread.run_sync(self._sources.kept.prove, self._proven)

    # --- what the board says ---

    def _look(self, text: DeviceText) -> None:
        self._seen = trio.current_time()
        was_in_report = self._scanner.is_in_report
        findings = self._scanner.feed(text)
        for finding in findings:
            self._found(finding)
        if self._scanner.is_in_report and not was_in_report and not self._jobs:
            self._add(self._prepare)
        if self._plugins.are_there:
            self._keep_for_plugins(text)

    def _found(self, finding: Finding) -> None:
        """Say it, or have it worked on: for what runs now, as the board may start again meanwhile."""
        board, proven = self._scanner.board, self._proven
        match finding:
            case Notice():
                self._tell(finding)
            case Crash():
                self._add(partial(self._decode, finding, board, proven))
            case CoreDump():
                self._add(partial(self._save, finding, board, proven))

    def _add(self, job: Job) -> None:
        self._jobs.append(job)
        self._woken.set()

    async def _wait(self) -> None:
        """Until there is something to do. A panic that is silent has ended."""
        while not self._woken.is_set():
            in_report = self._scanner.is_in_report
            with trio.move_on_at(self._seen + SILENCE_S if in_report else math.inf):
                await self._woken.wait()
            if self._scanner.is_in_report and trio.current_time() >= self._seen + SILENCE_S:
                for finding in self._scanner.silence():
                    self._found(finding)
        self._woken = trio.Event()

    # --- jobs ---

    async def _prepare(self) -> None:
        board, proven = self._scanner.board, self._proven

        def prepare() -> None:
            self._made_decoder().prepare(board, proven)

        await trio.to_thread.run_sync(prepare, abandon_on_cancel=True)

    async def _decode(self, crash: Crash, board: Board, proven: str | None) -> None:
        def decode() -> Notice | None:
            return self._made_decoder().decode(crash, board, proven)

        notice = await trio.to_thread.run_sync(decode, abandon_on_cancel=True)
        if notice is not None:
            self._tell(notice)

    def _made_decoder(self) -> Decoder:
        """In the thread: it takes a moment to import."""
        from fbuild_watch.decode.decoder import Decoder

        if self._decoder is None:
            self._decoder = Decoder(self._sources)
        return self._decoder

    async def _save(self, dump: CoreDump, board: Board, proven: str | None) -> None:
        if self._folder is None:
            self._tell(Notice("a core dump came; without a project there is nowhere to keep it"))
            return
        try:
            path = await trio.to_thread.run_sync(dumps.save, dump, self._folder)
        except OSError as error:
            self._tell(Notice(f"a core dump came and cannot be saved: {error}", "bad"))
            return
        await self._show_dump(path, board, proven)

    async def _show_dump(self, path: Path, board: Board, proven: str | None) -> None:
        look = partial(choose, self._sources, board.elf_sha256, proven)
        choice = await trio.to_thread.run_sync(look, abandon_on_cancel=True)
        command = dumps.command(path, choice.path, board.chip)
        tool = await trio.to_thread.run_sync(surroundings.which, dumps.TOOL)
        if choice.path is None or tool is None:
            self._tell(Notice(f"core dump saved; to look at it:\n  {typed(command)}"))
            return
        self._tell(Notice(f"core dump saved as {path}; asking {dumps.TOOL}"))
        try:
            ended = await run_command(command, time_limit=TOOL_S, merged=True)
        except FbuildError as error:
            self._tell(Notice(f"{error}\n{error.hint}", "bad"))
            return
        lines = ended.stdout.decode(errors="replace").splitlines()
        more = [f"... {len(lines) - TOOL_LINES} lines more"] if len(lines) > TOOL_LINES else []
        self._tell(Notice("\n".join([*lines[:TOOL_LINES], *more]), "info"))

    # --- plugins ---

    async def _run_plugins(self) -> None:
        await self._do(self._load_plugins)
        while True:
            await self._heard.wait()
            self._heard = trio.Event()
            await self._do(self._ask_plugins)

    async def _load_plugins(self) -> None:
        for notice in await trio.to_thread.run_sync(self._plugins.load, abandon_on_cancel=True):
            self._tell(notice)

    def _keep_for_plugins(self, text: DeviceText) -> None:
        self._line += text.text
        if text.complete:
            self._lines.append(self._line)
            self._line = ""
            self._heard.set()

    async def _ask_plugins(self) -> None:
        lines = tuple(self._lines)
        self._lines.clear()
        ask = partial(self._plugins.feed, lines)
        for found in await trio.to_thread.run_sync(ask, abandon_on_cancel=True):
            self._found(self._scanner.of_build(found) if isinstance(found, Crash) else found)
