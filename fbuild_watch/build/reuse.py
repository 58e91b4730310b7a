"""One build folder's use of the object cache: units that need no compiler.

Rules
- What is fetched is looked at as what was compiled is; an object that is not what the cache says
  of it is removed there, and the unit is compiled.
- A unit with the date or time in it (`__DATE__`) or in its command is not kept, nor one that makes
  more than an object, nor one that the assembler copies a file into (`.incbin`).
- Filling the cache is not on the way to the ELF: `note` only remembers, `flush` does it.
"""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path

from fbuild_watch.build.cache import Entry, ObjectCache
from fbuild_watch.build.graph import Digest, Job, Record, Version
from fbuild_watch.build.memory import ByContent
from fbuild_watch.build.places import Places
from fbuild_watch.build.shadows import Shadows
from fbuild_watch.build.tree import Tree

_MAKES_MORE = (
    "-gsplit-dwarf", "--coverage", "-fprofile", "-ftest-coverage", "-fstack-usage", "-save-temps",
    "--save-temps", "-fdump", "-fcallgraph-info", "-ftime-trace", "-fsave-optimization-record",
    "-fopt-info", "-aux-info", "-Wa,-a",
)  # fmt: skip
_CHANGING = ("__DATE__", "__TIME__", "__TIMESTAMP__")


class Reuse:
    """The cache, in the names of one project."""

    def __init__(self, cache: ObjectCache, places: Places, tree: Tree, shadows: Shadows) -> None:
        self._cache = cache
        self._places = places
        self._tree = tree
        self._shadows = shadows
        self._pending: list[tuple[Digest, Job, Record, str]] = []
        self._changing = ByContent(self._is_changing)

    def fetch(self, job: Job) -> tuple[Record, str] | None:
        """Make a unit's object without a compiler: its record, and what the compiler said then."""
        key = self._key(job)
        entry = self._cache.find(key, partial(self._holds, job)) if key else None
        if key is None or entry is None:
            return None
        if not self._cache.fetch(entry, Path(job.output)):
            return None
        made = self._tree.renew(job.output)
        if made is None or made.digest != entry.object:
            Path(job.output).unlink(missing_ok=True)
            self._cache.discard(key, entry)
            return None
        inputs = [self._tree.look(self._places.path(name)) for name, _ in entry.inputs]
        known = tuple(version for version in inputs if version is not None)
        unused = tuple(map(self._places.path, entry.unused))
        return Record(job.identity, known, made, unused), entry.words

    def note(self, job: Job, record: Record, words: str) -> None:
        """A unit was compiled."""
        key = self._key(job)
        own = self._shadows.own(record.inputs)
        shared = self._places.is_shared(job, (version.path for version in own))
        if key is not None and shared and not any(map(self._changing.of, own)):
            self._pending.append((key, job, record, words))

    @property
    def waiting(self) -> int:
        """How many units wait to be kept."""
        return len(self._pending)

    def flush(self) -> None:
        """Keep what was compiled; in any thread.

        A cache that cannot be written costs work later, nothing else.
        """
        pending, self._pending = self._pending, []
        for key, job, record, words in pending:
            with contextlib.suppress(OSError, UnicodeEncodeError):  # names that are no Unicode
                self._keep(key, job, record, words)
        if pending:
            self._cache.trim_if_due()

    def _keep(self, key: Digest, job: Job, record: Record, words: str) -> None:
        name = self._places.name
        inputs = [(name(version.path), version.digest) for version in record.inputs]
        unused = [name(path) for path in record.unused]
        entry = Entry(inputs, unused, record.output.digest, words)
        self._cache.add(key, entry, Path(job.output))

    def _key(self, job: Job) -> Digest | None:
        if not job.is_unit or any(map(_makes_more, self._shadows.words(job))):
            return None
        inputs = self._tree.look_at_all(job.inputs)
        if None in inputs:
            return None
        mentioned = self._tree.look_at_all(job.mentions)  # a name may be one of the compiler's own
        known = [version for version in (*inputs, *mentioned) if version is not None]
        return self._places.key(job, known)

    def _holds(self, job: Job, entry: Entry) -> bool:
        """Whether a unit would read now what it read then."""
        paths = [self._places.path(name) for name, _ in entry.inputs]
        for path, (_, content) in zip(paths, entry.inputs, strict=True):
            found = self._tree.look(path)
            if found is None or found.digest != content:
                return False
        unused = [self._places.path(name) for name in entry.unused]
        return self._shadows.difference(job, paths, unused) is None

    def _is_changing(self, version: Version) -> bool:
        return self._shadows.unlisted(version).copies or _has_changing(version.path)


def _has_changing(path: str) -> bool:
    try:
        data = Path(path).read_bytes()
    except OSError:
        return True
    return any(word.encode() in data for word in _CHANGING)


def _makes_more(word: str) -> bool:
    """Whether a word of a command asks for more than what its inputs say, or brings the time in."""
    return word.startswith(_MAKES_MORE) or any(name in word for name in _CHANGING)
