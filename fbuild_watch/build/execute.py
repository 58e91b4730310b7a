"""One job brought up to date: run, its output kept or put back, its record written.

Rules
- While a command runs, the old output lies aside. It comes back when the command fails or is
  cancelled, so its record stays true; a half-written output is never where a good one was.
- A record is written only when every input still is what this build saw; an input that changed
  while the compiler ran leaves the job without a record, and so dirty.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fbuild_watch.build.graph import Job, Record
from fbuild_watch.build.memory import Memory
from fbuild_watch.build.reading import Reading
from fbuild_watch.build.reuse import Reuse
from fbuild_watch.build.runner import Outcome, Runner
from fbuild_watch.build.tree import Tree

_COLOUR = "-fdiagnostics-color=always"
_KNOWS_COLOUR = ("gcc", "g++", "clang", "clang++", "cc", "c++", "zig")


@dataclass(slots=True)
class Executor:
    """Runs jobs and keeps the memory true."""

    runner: Runner
    tree: Tree
    memory: Memory
    reading: Reading
    reuse: Reuse | None = None
    launcher: tuple[str, ...] = ()
    """What compilers are run through (ccache, distcc). It makes no other object."""
    colours: bool = False

    async def run(self, job: Job) -> Outcome:
        """Run a job. An outcome with code 0 has made its output. Raises OSError, CommandNotStarted."""
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
        outcome = _checked(await self.runner.run(self._command(job)), job)
        if outcome.code == 0:
            record = await self._record(job, job.output)
            if record is not None and self.reuse is not None:
                self.reuse.note(job, record, outcome.output)
        return outcome

    def forget(self, keep: set[str], build_dir: Path) -> None:
        """Remove the outputs that no job of the plan makes any more.

        Only in the build folder: in a copy of a project the records still name the original's.
        """
        for output in self.memory.records.keys() - keep:
            self.memory.drop(output)
            if Path(output).is_relative_to(build_dir):
                Path(output).unlink(missing_ok=True)

    async def _record(self, job: Job, output: str) -> Record | None:
        made = self.tree.renew(output)
        read = await self.reading.of(job)
        if read is None or made is None:
            self.memory.drop(output)
            return None
        unused = self.reading.shadows.unused(job, read.inputs, read.copied)
        record = Record(job.identity, read.inputs, made, unused)
        self.memory.put(output, record)
        return record

    def _command(self, job: Job) -> tuple[str, ...]:
        """What is run: the command, with what changes nothing in what it makes."""
        name = Path(job.argv[0]).stem
        colour = self.colours and name.rpartition("-")[2] in _KNOWS_COLOUR and "-c" in job.argv
        launcher = self.launcher if job.is_unit else ()
        return (*launcher, *job.argv, *((_COLOUR,) if colour else ()))


def _checked(outcome: Outcome, job: Job) -> Outcome:
    """A command that says it went well but made nothing has failed. A blind one is marked as run."""
    output = Path(job.output)
    if job.is_blind and outcome.code == 0:
        output.touch()
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
