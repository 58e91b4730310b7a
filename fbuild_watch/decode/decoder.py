"""A crash in a board's text to a notice with functions and lines. Blocks: call it in a thread.

Rules
- Programs are read once and kept: the last LOADED of them.
- An ELF that nothing verifies is held against the trace: where return addresses do not follow a
  call, or the CPU was where it has no code, it is of another build and not used.
- The same crash again is one line, and once in AGAIN_S at most: some boards do nothing else.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from fbuild_watch.decode import report, rom
from fbuild_watch.decode.cfi import CallFrames
from fbuild_watch.decode.choice import Choice, Sources, choose
from fbuild_watch.decode.crash import Crash
from fbuild_watch.decode.lines import Lines, Place
from fbuild_watch.decode.paths import ROM, Paths
from fbuild_watch.decode.program import ElfUnreadable, Program, load
from fbuild_watch.decode.report import Decoded
from fbuild_watch.decode.scanner import Board
from fbuild_watch.decode.trace import Step, fits, trace
from fbuild_watch.model import Notice
from fbuild_watch.system import surroundings

LOADED = 2
AGAIN_S = 1.0


class _Loaded:
    """A program with what answers about it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.lines = Lines(program)
        self.frames = CallFrames(program)


class Decoder:
    """Decodes for one board. One call at a time."""

    def __init__(self, sources: Sources, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is read yet."""
        self._sources = sources
        self._paths = Paths(sources.project_dir, sources.src_dir)
        self._clock = clock
        self._programs: OrderedDict[tuple[str, int, int], _Loaded] = OrderedDict()
        self._roms: dict[tuple[str, str], Program | None] = {}
        self._last: tuple[object, ...] = ()
        self._count = 0
        self._said_at = 0.0

    def prepare(self, board: Board, proven: str | None) -> None:
        """A panic has begun: read the ELF that it is likely about, while it is being printed."""
        choice = choose(self._sources, board.elf_sha256, proven)
        if choice.path is not None:
            try:
                self._load(choice.path, choice.sha256).lines.places(0)
            except ElfUnreadable:
                return  # `decode` says so

    def decode(self, crash: Crash, board: Board, proven: str | None) -> Notice | None:
        """What is to be said of a crash; None: it was said already."""
        choice = choose(self._sources, crash.elf_sha256, proven)
        head, rest = self._decoded(crash, board, choice)
        kind: Literal["info", "bad"] = "bad" if crash.is_fatal else "info"
        if (crash.signature, choice) == self._last:
            return self._again(head, kind)
        self._last, self._count, self._said_at = (crash.signature, choice), 1, self._clock()
        text = "\n".join([head, *(f"  {line}" for line in rest)])
        return Notice(text, kind)

    def _again(self, head: str, kind: Literal["info", "bad"]) -> Notice | None:
        self._count += 1
        if self._clock() - self._said_at < AGAIN_S:
            return None
        self._said_at = self._clock()
        return Notice(f"the same again ({self._count} times): {head}", kind)

    def _decoded(self, crash: Crash, board: Board, choice: Choice) -> tuple[str, list[str]]:
        """The headline, and what follows it."""
        if choice.path is None:
            return crash.title, [*crash.notes, *choice.words.splitlines()]
        try:
            loaded = self._load(choice.path, choice.sha256)
        except ElfUnreadable as error:
            return crash.title, [*crash.notes, f"not decoded: {error}"]
        steps = trace(crash, loaded.program, loaded.frames)
        if not choice.is_verified and not fits(crash, steps, loaded.program):
            return crash.title, [*crash.notes, _other_build(choice.path)]
        decoded = [Decoded(step, self._places(loaded, step, board)) for step in steps]
        shown = _worth_showing(decoded)
        head = report.headline(crash.title, shown, self._paths.is_own, self._paths.show)
        return head, [*crash.notes, *report.table(shown, self._paths.show), choice.words]

    def _load(self, path: Path, sha256: str) -> _Loaded:
        """`sha256`: what the file's digest begins with, else it is not what was chosen."""
        try:
            stat = path.stat()
        except OSError as error:
            raise ElfUnreadable(f"{path}: {error.strerror or error}") from error
        key = (str(path), stat.st_mtime_ns, stat.st_size)
        if key not in self._programs:
            self._programs[key] = _Loaded(load(path))
        self._programs.move_to_end(key)
        while len(self._programs) > LOADED:
            self._programs.popitem(last=False)
        loaded = self._programs[key]
        if not loaded.program.sha256.startswith(sha256):
            raise ElfUnreadable(f"{path} is not what its digest said: it was replaced, or damaged")
        return loaded

    def _places(self, loaded: _Loaded, step: Step, board: Board) -> tuple[Place, ...]:
        if loaded.program.is_code(step.within):
            return tuple(loaded.lines.places(step.within))
        if not rom.is_rom(step.within):
            return ()
        program = self._rom(board)
        symbol = program.symbol(step.within) if program else None
        return (replace(ROM, function=symbol.name) if symbol else ROM,)

    def _rom(self, board: Board) -> Program | None:
        key = (board.chip, board.rom_date)
        if key not in self._roms:
            found = rom.find(*key, surroundings.environ(), _home()) if board.chip else None
            self._roms[key] = found
        return self._roms[key]


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a container's user, whom no file knows
        return Path("~")


def _worth_showing(decoded: list[Decoded]) -> list[Decoded]:
    """What is no code counts where the CPU was; further out it is the end of a broken chain."""
    return [each for at, each in enumerate(decoded) if each.places or at == 0]


def _other_build(path: Path) -> str:
    return f"not decoded: {path.name} is not what the board runs (the addresses do not fit it)"
