"""One job brought up to date: run, its output kept or put back, its record written.

Rules
- While a command runs, the old output lies aside. It comes back when the command fails or is
  cancelled, so its record stays true; a half-written output is never where a good one was.
- A record is written only when every input still is what this build saw; an input that changed
  while the compiler ran leaves the job without a record, and so dirty.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import trio

from fbuild_watch.build import response
from fbuild_watch.build.aside import Aside
from fbuild_watch.build.graph import Job, Record
from fbuild_watch.build.memory import Memory
from fbuild_watch.build.reading import Reading
from fbuild_watch.build.reuse import Reuse
from fbuild_watch.build.runner import Outcome, Runner
from fbuild_watch.build.tree import Tree

_COLOUR = "-fdiagnostics-color=always"
_PAINT = re.compile(r"\x1b(?:\[[0-9;]*[mK]|\]8;.*?(?:\x07|\x1b\\))")
"""What gcc and clang colour with (SGR and EL), and gcc's links (OSC 8)."""
_KNOWS_COLOUR = ("gcc", "g++", "clang", "clang++", "cc", "c++", "zig")


def _always(_job: Job) -> bool:
    """Whoever asks has looked."""
    return True


@dataclass(slots=True)
class Executor:
    """Runs jobs and keeps the memory true."""

    runner: Runner
    tree: Tree
    memory: Memory
    reading: Reading
    aside: Aside
    ran: Callable[[Job], None]
    """Told of each job that has succeeded, where files may be touched."""
    reuse: Reuse | None = None
    launcher: tuple[str, ...] = ()
    """What compilers are run through (ccache, distcc). It makes no other object."""
    colours: bool = False

    async def run(self, job: Job, is_due: Callable[[Job], bool] = _always) -> Outcome | None:
        """Run a job, if `is_due` says so beside the event loop; None: it does not.

        An outcome with code 0 has made its output. Raises OSError, CommandNotStarted.
        """
        attempt = _Attempt(Path(job.output), job.depfile)
        try:
            begun = await self.aside(self._begin, job, attempt, is_due)
            if not isinstance(begun, tuple):
                return begun
            ran = await self.runner.run(begun)
            return await self.aside(self._end, job, attempt, ran)
        except BaseException:
            with trio.CancelScope(shield=True):
                await self.aside(attempt.end)
            raise

    def _begin(
        self, job: Job, attempt: _Attempt, is_due: Callable[[Job], bool]
    ) -> tuple[str, ...] | Outcome | None:
        """Lay the old output aside; take a unit's object from the cache, if that has it.

        Gives the command that is still to be run, else the outcome.
        """
        if not is_due(job):
            return None
        attempt.begin()
        found = self.reuse.fetch(job) if self.reuse is not None else None
        if found is None:
            return response.shortened(self._command(job), job.inputs, attempt.named)
        record, words = found
        words = words if self.colours else _PAINT.sub("", words)
        self.memory.put(record.output.path, record)
        return self._succeeded(job, attempt, Outcome(0, words, 0.0, reused=True))

    def _end(self, job: Job, attempt: _Attempt, ran: Outcome) -> Outcome:
        outcome = _checked(ran, job)
        if outcome.code != 0:
            attempt.end()
            return outcome
        record = self._record(job, job.output)
        if record is not None and self.reuse is not None:
            self.reuse.note(job, record, outcome.output)
        return self._succeeded(job, attempt, outcome)

    def _succeeded(self, job: Job, attempt: _Attempt, outcome: Outcome) -> Outcome:
        attempt.end(succeeded=True)
        self.ran(job)
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
        read = self.reading.of(job)
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
    """The old output lies aside while a command runs, and comes back unless that succeeds.

    The old depfile goes: it must not speak for this run.
    """

    output: Path
    depfile: str | None
    _had: bool | None = None
    """Whether there was one; None: it is over, or has not begun."""

    def begin(self) -> None:
        """Lay it aside."""
        self.output.parent.mkdir(parents=True, exist_ok=True)
        if self.depfile:
            Path(self.depfile).unlink(missing_ok=True)
        self._had = self.output.exists()
        if self._had:
            self.output.replace(self._aside)

    def end(self, *, succeeded: bool = False) -> None:
        """Put it back, or not; the second time nothing."""
        if succeeded:
            self._aside.unlink(missing_ok=True)
        elif self._had:
            self._aside.replace(self.output)
        elif self._had is not None:
            self.output.unlink(missing_ok=True)
        self._had = None

    @property
    def named(self) -> Path:
        """Where the files are named of a command that is too long."""
        return self.output.with_name(f".{self.output.name}.words")

    @property
    def _aside(self) -> Path:
        return self.output.with_name(f"{self.output.name}.previous")
