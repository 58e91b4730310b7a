"""What is known from earlier builds: records by output, stamps by path, and who uses what. Pure.

Rules
- Each content of each file is one Version, shared by all records: 10,000 units that read the same
  60 headers hold pointers, and to find what a change touches is to compare pointers.
- `users` answers from an index that is made when it is first asked for. A name in it that is no
  user any more costs a look; a user that is missing would cost the truth.
- What the store does not have yet is in `unsaved`; store.py takes it from there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from fbuild_watch.build.graph import Digest, Look, Record, Version

Made = TypeVar("Made")


class Stamp(NamedTuple):
    """A file's content digest, and the stat at which it was read."""

    mtime_ns: int
    ctime_ns: int
    size: int
    inode: int
    digest: Digest


@dataclass(slots=True)
class Unsaved:
    """The paths of stamps and the outputs of records that differ from what the store has."""

    stamps: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.stamps or self.records)

    def clear(self) -> None:
        """All is stored."""
        self.stamps.clear()
        self.records.clear()


class ByContent(Generic[Made]):
    """What was made of each file's newest content. An older one is let go."""

    def __init__(self, make: Callable[[Version], Made]) -> None:
        self._make = make
        self._known: dict[str, tuple[Version, Made]] = {}

    def of(self, version: Version) -> Made:
        """What `make` makes of it."""
        known = self._known.get(version.path)
        if known is None or known[0] is not version:
            known = self._known[version.path] = (version, self._make(version))
        return known[1]


class Memory:
    """Records and stamps. Only `put`, `drop` and `stamp` change them."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.stamps: dict[str, Stamp] = {}
        self.unsaved = Unsaved()
        self.generation = 0
        """Counts the times that a path came or went."""
        self._versions: dict[str, dict[Digest, Version]] = {}
        self._users: dict[str, list[str]] | None = None

    def version(self, path: str, digest: Digest) -> Version:
        """The one object for this content of this file."""
        of_path = self._versions.get(path)
        if of_path is None:
            of_path = self._versions[path] = {}
            self.generation += 1
        found = of_path.get(digest)
        if found is None:
            found = of_path[digest] = Version(path, digest)
        return found

    def put(self, output: str, record: Record) -> None:
        """Remember a job's success."""
        before = self.records.get(output)
        self.records[output] = record
        self.unsaved.records.add(output)
        if self._users is not None:
            self._index(output, _new_paths(before, record))

    def drop(self, output: str) -> None:
        """Forget a job."""
        if self.records.pop(output, None) is not None:
            self.unsaved.records.add(output)

    def stamp(self, path: str, stamp: Stamp | None) -> None:
        """Remember at which stat a file was read; None: its times say nothing."""
        if stamp is not None:
            self.stamps[path] = stamp
            self.unsaved.stamps.add(path)
        elif self.stamps.pop(path, None) is not None:
            self.unsaved.stamps.discard(path)

    def has_path(self, path: str) -> bool:
        """Whether a record names this file."""
        return path in self._versions

    def paths(self) -> Collection[str]:
        """Every file that a record names, inputs and outputs."""
        return self._versions.keys()

    def versions(self) -> list[Version]:
        """Every content that a record may name."""
        return [version for of_path in self._versions.values() for version in of_path.values()]

    def changed(self, look: Look) -> set[str]:
        """The outputs whose inputs, or who themselves, are not what their records say.

        Looks once at each file. Only if one differs the records are gone through.
        """
        stale = {version for version in self.versions() if look(version.path) is not version}
        if not stale:
            return set()
        touched = {
            output
            for output, record in self.records.items()
            if record.output in stale or not stale.isdisjoint(record.inputs)
        }
        self._prune(stale, touched)
        return touched

    def users(self, path: str) -> Collection[str]:
        """The outputs of the jobs that read a file."""
        if self._users is None:
            self._users = {}
            for output, record in self.records.items():
                self._index(output, (version.path for version in record.inputs))
        return self._users.get(path, ())

    def _index(self, output: str, paths: Iterable[str]) -> None:
        assert self._users is not None
        for path in paths:
            users = self._users.get(path)
            if users is None:
                self._users[path] = [output]
            else:
                users.append(output)

    def _prune(self, stale: set[Version], touched: set[str]) -> None:
        """Forget contents that are neither on the disk nor in a record."""
        used: set[Version] = set()
        for output in touched:
            used.add(self.records[output].output)
            used.update(self.records[output].inputs)
        for version in stale - used:
            of_path = self._versions[version.path]
            del of_path[version.digest]
            if not of_path:
                del self._versions[version.path]
                self.generation += 1


def _new_paths(before: Record | None, now: Record) -> set[str]:
    """The inputs of `now` that `before` did not have. Most often nothing, among thousands."""
    if before is None:
        return {version.path for version in now.inputs}
    if len(before.inputs) == len(now.inputs):  # most often one of thousands is another version
        both = zip(before.inputs, now.inputs, strict=True)
        differ = [(then, seen) for then, seen in both if then is not seen]
        return {seen.path for _, seen in differ} - {then.path for then, _ in differ}
    return {version.path for version in now.inputs} - {version.path for version in before.inputs}
