"""One job brought up to date: run, its output kept or put back, its record written.

Rules
- While a command runs, the old output lies aside. It comes back when the command fails or is
  cancelled, so its record stays true; a half-written output is never where a good one was.
- A record is written only when every input still is what this build saw; an input that changed
  while the compiler ran leaves the job without a record, and so dirty.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fbuild_watch.build import depfile as depfiles
from fbuild_watch.build.graph import Job, Record, Version
from fbuild_watch.build.memory import Memory
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
    folder: Path
    """Where commands run, and what relative names in depfiles are relative to."""
    colours: bool = False

    async def run(self, job: Job) -> Outcome:
        """Run a job. An outcome with code 0 has made its output. Raises OSError on a bad start."""
        argv = self._for_display(job.argv)
        if job.output is None:
            return await self.runner.run(argv)
        with _replaced(Path(job.output), job.depfile) as attempt:
            outcome = _checked(await self.runner.run(argv), Path(job.output))
            attempt.succeeded = outcome.code == 0
        if attempt.succeeded:
            self._record(job, job.output)
        return outcome

    def forget(self, keep: set[str], build_dir: Path) -> None:
        """Remove the outputs that no job of the plan makes any more.

        Only in the build folder: in a copy of a project the records still name the original's.
        """
        for output in self.memory.records.keys() - keep:
            self.memory.drop(output)
            if Path(output).is_relative_to(build_dir):
                Path(output).unlink(missing_ok=True)

    def _record(self, job: Job, output: str) -> None:
        made = self.tree.renew(output)
        names = self._inputs(job)
        inputs = self._unchanged(names) if names is not None else None
        if inputs is None or made is None:
            self.memory.drop(output)
        else:
            self.memory.put(output, Record(job.identity, inputs, made))

    def _unchanged(self, names: Iterable[str]) -> tuple[Version, ...] | None:
        """What the inputs held; None if one of them changed meanwhile. What we made is ours."""
        ours, look, unchanged = self.memory.records, self.tree.look, self.tree.unchanged
        seen = [look(name) if name in ours else unchanged(name) for name in names]
        found = tuple(version for version in seen if version is not None)
        return found if len(found) == len(seen) else None

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

    def _for_display(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """A compile with colours asked for; what it makes, and its identity, stay the same."""
        name = Path(argv[0]).stem
        knows = self.colours and name.rpartition("-")[2] in _KNOWS_COLOUR and "-c" in argv
        return (*argv, _COLOUR) if knows else argv


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
