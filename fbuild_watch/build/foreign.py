"""Builds a project with the project's own build program, and asks it what it has read.

Not here: which commands those are (project/foreign.py), and what they made (image/).

Rules
- What is out of date is the other program's business: it is run for every build.
- What it has read is known from ninja's log or from depfiles, and looked up again only when those
  have changed. The headers of the compilers are left out.
- One build at a time for each ForeignBuilder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import trio

from fbuild_watch.build import depfile
from fbuild_watch.build.events import Built
from fbuild_watch.build.runner import Runner
from fbuild_watch.errors import CommandNotStarted, ProgramMissing, StepFailed
from fbuild_watch.model import ForeignPlan

_NINJA_INPUT = re.compile(r"^    (?P<name>.+)$", re.MULTILINE)


class ForeignBuilder:
    """Builds one plan, again and again."""

    def __init__(self, plan: ForeignPlan) -> None:
        self.plan = plan
        self._runner = Runner(plan.folder)
        self._inputs: frozenset[Path] = frozenset()
        self._deps_stamp: object = None
        self._made: object = None

    async def build(self, *, clean: bool = False) -> Built:
        """Run the commands. Raises StepFailed with their words, ProgramMissing.

        Cancelling ends every process.
        """
        began = trio.current_time()
        try:
            for argv in (*(self.plan.clean if clean else ()), *self.plan.commands):
                await self._run(argv)
            seconds = trio.current_time() - began
            await self._look_up_inputs()
        except BaseException:
            self._runner.clear()
            raise
        made = await trio.to_thread.run_sync(_stamps, self._results())
        linked, self._made = made != self._made, made
        return Built((), linked, self.plan.elf or self.plan.folder, {"compiled": seconds})

    def inputs(self) -> frozenset[Path]:
        """Every file that the newest build is known to be made from, but for compilers' headers."""
        return self._inputs

    async def _run(self, argv: Sequence[str]) -> None:
        name = Path(argv[0]).name
        try:
            outcome = await self._runner.run(argv)
        except CommandNotStarted as error:
            if error.missing:
                hint = "is it installed, and on PATH?"
                raise ProgramMissing(argv[0], "the project's own build", hint=hint) from error
            raise StepFailed(name, f"the system refused ({error})") from error
        if outcome.code != 0:
            raise StepFailed(name, outcome.output)

    def _results(self) -> list[Path]:
        args = [self.plan.flasher_args] if self.plan.flasher_args else []
        elf = [self.plan.elf] if self.plan.elf else []
        return [*args, *elf, *(path for _, path in self.plan.regions)]

    # --- what was read ---------------------------------------------------------------------

    async def _look_up_inputs(self) -> None:
        """Ask again what was read, if the record of it has changed."""
        if self.plan.deps_from:
            log = self.plan.environment.build_dir / ".ninja_deps"
            stamp = await trio.to_thread.run_sync(_stamps, [log])
            if stamp != self._deps_stamp:
                outcome = await self._runner.run(self.plan.deps_from)
                names = dict.fromkeys(_NINJA_INPUT.findall(outcome.output))
                self._keep(names, self.plan.environment.build_dir)
                self._deps_stamp = stamp
        elif self.plan.depfiles:
            await trio.to_thread.run_sync(self._read_depfiles, self.plan.depfiles)

    def _read_depfiles(self, folder: Path) -> None:
        names: dict[str, None] = {}
        for path in folder.rglob("*.d"):
            try:
                found = depfile.parse(path.read_text(encoding="utf-8", errors="surrogateescape"))
            except (OSError, ValueError):
                continue  # one that is being written, or another kind of file
            names.update(dict.fromkeys(found))
        self._keep(names, folder)

    def _keep(self, names: Iterable[str], folder: Path) -> None:
        left_out = tuple(f"{path}{os.sep}" for path in (*self.plan.outputs, *self.plan.tools))
        places = (os.path.normpath(folder / name) for name in names)
        self._inputs = frozenset(Path(name) for name in places if not name.startswith(left_out))


def _stamps(paths: Iterable[Path]) -> tuple[tuple[int, int] | None, ...]:
    """Size and time of each file; None for one that is not there."""
    return tuple(_stamp(path) for path in paths)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
