"""What a job has read, once it has run: by its command, its depfile, and what neither says.

A depfile names sources and headers. What the assembler reads (`.incbin`, `.include`) is found in
those (unlisted.py); where a macro makes its name, the preprocessor is asked; where even that does not
tell, nothing is known, and the unit is compiled every time.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import trio

from fbuild_watch.build import depfile as depfiles
from fbuild_watch.build import unlisted
from fbuild_watch.build.declared import Declared
from fbuild_watch.build.graph import Job, Version
from fbuild_watch.build.memory import Memory
from fbuild_watch.build.runner import Outcome
from fbuild_watch.build.shadows import Shadows
from fbuild_watch.build.tree import Tree


@dataclass(frozen=True, slots=True)
class Read:
    """What a job has read, and the names that its assembler looked for."""

    inputs: tuple[Version, ...]
    copied: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reading:
    """Finds out; holds nothing of its own."""

    tree: Tree
    memory: Memory
    shadows: Shadows
    declared: Declared
    folder: Path
    """What relative names in depfiles are relative to."""
    run: Callable[[Sequence[str]], Awaitable[Outcome]]

    def of(self, job: Job) -> Read | None:
        """What a job has read; None where an input changed meanwhile, or it cannot be known.

        In a thread of trio's: it may have to run the preprocessor.
        """
        if job.is_blind:
            return self._named_by(job)
        names = self._listed(job)
        inputs = self._unchanged(names) if names is not None else None
        if inputs is None:
            return None
        return self._with_copied(job, inputs) if job.is_unit else Read(inputs)

    def _named_by(self, job: Job) -> Read:
        """A blind job may itself have written what it names: that counts as it is now."""
        now = (self.tree.now(name) for name in (*job.inputs, *job.mentions))
        return Read(tuple(version for version in now if version is not None))

    def _listed(self, job: Job) -> tuple[str, ...] | None:
        """What command and depfile say; None where the depfile cannot be understood."""
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
        if not job.assembles:
            return
        for record in tuple(self.memory.records.values()):
            own = self.shadows.own(record.inputs)
            if any(self.shadows.unlisted(version).copies for version in own):
                yield from (version.path for version in own)

    def _unchanged(self, names: Sequence[str]) -> tuple[Version, ...] | None:
        """What the inputs held; None if one that people edit changed meanwhile."""
        made, given, tree = self.memory.records, self.shadows.is_given, self.tree
        edited = [name for name in names if name not in made and not given(name)]
        if any(tree.unchanged(name) is None for name in edited):
            return None
        seen = tree.look_at_all(names)
        return None if None in seen else cast("tuple[Version, ...]", tuple(seen))

    # --- what the assembler reads ----------------------------------------------------------

    def _with_copied(self, job: Job, inputs: tuple[Version, ...]) -> Read | None:
        said = [self.shadows.unlisted(version) for version in self.shadows.own(inputs)]
        if not any(one.copies for one in said):
            return Read(inputs)
        named = {name for one in said for name in one.copied}
        if any(one.copies_anything for one in said):
            found = self._preprocessed(job)
            if found is None:
                return None
            named.update(found)
        return self._followed(job, inputs, named)

    def _preprocessed(self, job: Job) -> tuple[str, ...] | None:
        """What the assembler is told to read, after the preprocessor; None: not to be known."""
        outcome = trio.from_thread.run(self.run, tuple(unlisted.preprocessing(job.argv)))
        if outcome.code != 0:
            return None
        return unlisted.in_preprocessed(outcome.output.encode(), job.inputs[0])

    def _followed(self, job: Job, inputs: tuple[Version, ...], named: set[str]) -> Read | None:
        """The inputs, the files of these names, and the files that are named in those."""
        while True:
            places = self.shadows.places_of(job, named)
            copied = self._unchanged([path for path in places if Path(path).is_file()])
            if copied is None:
                return None
            more = [self.shadows.unlisted(version) for version in set(copied).difference(inputs)]
            inputs = tuple(dict.fromkeys((*inputs, *copied)))
            if any(one.copies_anything for one in more):
                return None
            if not any(one.copied for one in more):
                return Read(inputs, frozenset(named))
            named = named.union(*(one.copied for one in more))
