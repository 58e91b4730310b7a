"""One job brought up to date: run, its output kept or put back, its record written.

Rules
- While a command runs, the old output lies aside. It comes back when the command fails or is
  cancelled, so its record stays true; a half-written output is never where a good one was.
- A record is written only when every input still is what this build saw; an input that changed
  while the compiler ran leaves the job without a record, and so dirty.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from fbuild_watch.build import depfile as depfiles
from fbuild_watch.build.graph import Job, Record, Version
from fbuild_watch.build.jobs import Toolchain
from fbuild_watch.build.memory import Memory
from fbuild_watch.build.reuse import Reuse
from fbuild_watch.build.runner import Outcome, Runner
from fbuild_watch.build.shadows import Shadows
from fbuild_watch.build.tree import Tree

_COLOUR = "-fdiagnostics-color=always"
_KNOWS_COLOUR = ("gcc", "g++", "clang", "clang++", "cc", "c++", "zig")


@dataclass(slots=True)
class Executor:
    """Runs jobs and keeps the memory true."""

    runner: Runner
    tree: Tree
    memory: Memory
    shadows: Shadows
    folder: Path
    """Where commands run, and what relative names in depfiles are relative to."""
    reuse: Reuse | None = None
    launcher: tuple[str, ...] = ()
    """What compilers are run through (ccache, distcc). It makes no other object."""
    colours: bool = False
    toolchain: Toolchain = field(default_factory=lambda: Toolchain((), ()))

    async def run(self, job: Job) -> Outcome:
        """Run a job. An outcome with code 0 has made its output. Raises OSError, CommandNotStarted."""
        if job.output is None:
            return await self.runner.run(job.argv)
        with _replaced(Path(job.output), job.depfile) as attempt:
            outcome = self._fetched(job) or await self._made(job)
            attempt.succeeded = outcome.code == 0
        return outcome

    def _fetched(self, job: Job) -> Outcome | None:
        """Take a unit's object from the cache; None: it has to be compiled."""
        found = self.reuse.fetch(job) if self.reuse is not None else None
        if found is None:
            return None
        record, words = found
        self.memory.put(record.output.path, record)
        return Outcome(0, words, 0.0, reused=True)

    async def _made(self, job: Job) -> Outcome:
        assert job.output is not None
        output = Path(job.output)
        outcome = _checked(await self.runner.run(self._command(job)), output)
        if outcome.code == 0:
            record = self._record(job, job.output)
            if record is not None and self.reuse is not None:
                self.reuse.note(job, record, outcome.output, self.toolchain)
        return outcome

    def forget(self, keep: set[str], build_dir: Path) -> None:
        """Remove the outputs that no job of the plan makes any more.

        Only in the build folder: in a copy of a project the records still name the original's.
        """
        for output in self.memory.records.keys() - keep:
            self.memory.drop(output)
            if Path(output).is_relative_to(build_dir):
                Path(output).unlink(missing_ok=True)

    def _record(self, job: Job, output: str) -> Record | None:
        made = self.tree.renew(output)
        names = self._inputs(job)
        inputs = self._unchanged(names) if names is not None else None
        inputs = self._with_embedded(job, inputs)
        if inputs is None or made is None:
            self.memory.drop(output)
            return None
        unused = self.shadows.unused(job, inputs)
        record = Record(job.identity, inputs, made, unused)
        self.memory.put(output, record)
        return record

    def _unchanged(self, names: Sequence[str]) -> tuple[Version, ...] | None:
        """What the inputs held; None if one that people edit changed meanwhile."""
        made, given, tree = self.memory.records, self.toolchain.has, self.tree
        edited = [name for name in names if name not in made and not given(name)]
        if any(tree.unchanged(name) is None for name in edited):
            return None
        seen = tuple(version for version in tree.look_at_all(names) if version is not None)
        return seen if len(seen) == len(names) else None

    def _with_embedded(
        self, job: Job, inputs: tuple[Version, ...] | None
    ) -> tuple[Version, ...] | None:
        """The inputs, and what the assembler copied; None as `_unchanged`."""
        if inputs is None:
            return None
        named = self.shadows.embedded(job, inputs)
        embedded = self._unchanged([name for name in named if Path(name).is_file()])
        return None if embedded is None else tuple(dict.fromkeys((*inputs, *embedded)))

    def _inputs(self, job: Job) -> tuple[str, ...] | None:
        """Every input of a job that has run; None where its depfile cannot be understood."""
        declared = job.declared(self.tree.look)
        if job.depfile is None:
            return declared
        try:
            text = Path(job.depfile).read_text(encoding="utf-8", errors="surrogateescape")
            found = depfiles.parse(text)
        except FileNotFoundError:
            return declared  # a recipe without -MMD (assembly, often): its source is all it has
        except (OSError, ValueError):
            return None
        absolute = (os.path.join(self.folder, name) for name in found)  # noqa: PTH118
        return tuple(dict.fromkeys((*declared, *absolute)))

    def _command(self, job: Job) -> tuple[str, ...]:
        """What is run: the command, with what changes nothing in what it makes."""
        name = Path(job.argv[0]).stem
        colour = self.colours and name.rpartition("-")[2] in _KNOWS_COLOUR and "-c" in job.argv
        launcher = self.launcher if job.is_unit else ()
        return (*launcher, *job.argv, *((_COLOUR,) if colour else ()))


def _checked(outcome: Outcome, output: Path) -> Outcome:
    """A command that says it went well but made nothing has failed."""
    if outcome.code != 0 or output.is_file():
        return outcome
    return replace(outcome, code=1, output=f"{outcome.output}the command made no {output}\n")


@dataclass(slots=True)
class _Attempt:
    succeeded: bool = False


@contextmanager
def _replaced(output: Path, depfile: str | None) -> Iterator[_Attempt]:
    """Lay the old output aside; put it back unless the attempt succeeds.

    The old depfile goes: it must not speak for this run.
    """
    aside = output.with_name(f"{output.name}.previous")
    attempt = _Attempt()
    output.parent.mkdir(parents=True, exist_ok=True)
    if depfile:
        Path(depfile).unlink(missing_ok=True)
    had = output.exists()
    if had:
        output.replace(aside)
    try:
        yield attempt
    finally:
        if attempt.succeeded:
            aside.unlink(missing_ok=True)
        elif had:
            aside.replace(output)
        else:
            output.unlink(missing_ok=True)
