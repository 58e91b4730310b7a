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
from typing import NamedTuple

from fbuild_watch.build import depfile as depfiles
from fbuild_watch.build import unlisted
from fbuild_watch.build.declared import Declared
from fbuild_watch.build.graph import Job, Record, Version
from fbuild_watch.build.jobs import Toolchain
from fbuild_watch.build.memory import Memory
from fbuild_watch.build.reuse import Reuse
from fbuild_watch.build.runner import Outcome, Runner
from fbuild_watch.build.shadows import Shadows
from fbuild_watch.build.tree import Tree

_COLOUR = "-fdiagnostics-color=always"
_KNOWS_COLOUR = ("gcc", "g++", "clang", "clang++", "cc", "c++", "zig")


class _Read(NamedTuple):
    """What a job has read, and the names that its assembler looked for."""

    inputs: tuple[Version, ...]
    copied: frozenset[str] = frozenset()


@dataclass(slots=True)
class Executor:
    """Runs jobs and keeps the memory true."""

    runner: Runner
    tree: Tree
    memory: Memory
    shadows: Shadows
    declared: Declared
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
            record = await self._record(job, job.output)
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

    async def _record(self, job: Job, output: str) -> Record | None:
        made = self.tree.renew(output)
        read = await self._read(job)
        if read is None or made is None:
            self.memory.drop(output)
            return None
        record = Record(job.identity, read.inputs, made, self.shadows.unused(job, *read))
        self.memory.put(output, record)
        return record

    async def _read(self, job: Job) -> _Read | None:
        """What a job has read; None where an input changed meanwhile, or it cannot be known."""
        names = self._inputs(job)
        inputs = self._unchanged(names) if names is not None else None
        if inputs is None or not job.is_unit:
            return _Read(inputs) if inputs is not None else None
        said = [self.shadows.unlisted(version) for version in self.shadows.own(inputs)]
        if not any(one.copies for one in said):
            return _Read(inputs)
        named = {name for one in said for name in one.copied}
        if any(one.copies_anything for one in said):
            found = await self._preprocessed(job)
            if found is None:
                return None
            named.update(found)
        return self._with_copied(job, inputs, named)

    async def _preprocessed(self, job: Job) -> tuple[str, ...] | None:
        """What the assembler reads, by the preprocessor's words; None: not to be known."""
        outcome = await self.runner.run(tuple(unlisted.preprocessing(job.argv)))
        if outcome.code != 0:
            return None
        return unlisted.in_preprocessed(outcome.output.encode(), job.inputs[0])

    def _with_copied(self, job: Job, inputs: tuple[Version, ...], named: set[str]) -> _Read | None:
        """The inputs, what the assembler read of these names, and what that names in turn."""
        looked_at = set(inputs)
        while True:
            places = self.shadows.places_of(job, named)
            copied = self._unchanged([path for path in places if Path(path).is_file()])
            if copied is None:
                return None
            more = [self.shadows.unlisted(version) for version in set(copied) - looked_at]
            inputs = tuple(dict.fromkeys((*inputs, *copied)))
            looked_at.update(copied)
            if any(one.copies_anything for one in more):
                return None
            if not any(one.copied for one in more):
                return _Read(inputs, frozenset(named))
            named = named.union(*(one.copied for one in more))

    def _unchanged(self, names: Sequence[str]) -> tuple[Version, ...] | None:
        """What the inputs held; None if one that people edit changed meanwhile."""
        made, given, tree = self.memory.records, self.toolchain.has, self.tree
        edited = [name for name in names if name not in made and not given(name)]
        if any(tree.unchanged(name) is None for name in edited):
            return None
        seen = tuple(version for version in tree.look_at_all(names) if version is not None)
        return seen if len(seen) == len(names) else None

    def _inputs(self, job: Job) -> tuple[str, ...] | None:
        """Every input of a job that has run; None where its depfile cannot be understood."""
        declared = (*self.declared.of(job), *self._read_while_linking(job))
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

    def _read_while_linking(self, job: Job) -> Iterator[str]:
        """With LTO it is the link that assembles: what it copies is read then."""
        if job.is_unit or not any(word.startswith("-flto") for word in job.argv):
            return
        for record in tuple(self.memory.records.values()):
            own = self.shadows.own(record.inputs)
            if any(self.shadows.unlisted(version).copies for version in own):
                yield from (version.path for version in own)

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
