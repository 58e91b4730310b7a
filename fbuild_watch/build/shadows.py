"""Headers that come to lie before others: a new file that nobody has read may change what is read.

`#include "x.h"` means the first x.h on the way. A depfile names the one that was found, not the
places where there was none. So for each header that a unit has read, the same name is looked for in
every folder where that compiler may look. What is there and was not read when the unit was compiled
is its `unused`; what is there later, and neither read nor unused, makes it dirty. The compiler's own
headers can be shadowed too; which of its folders they were found in is not known, so each end of
such a path (`stdio.h`, `sys/types.h` and `types.h`) is a name.

A name that a unit only asks for (`__has_include`), or that the assembler is to find, is looked for
in the same way: that it is there, or is there no more, makes the unit dirty. `unused` keeps such
names as they were written, relative; where a macro makes the name, any name may be asked for, and
`unused` has the digest of all names on the way.

Not seen: the order of the folders: a new file at the end of the way costs a compile for nothing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fbuild_watch.build import search
from fbuild_watch.build.graph import Job, Version, digest
from fbuild_watch.build.jobs import Jobs
from fbuild_watch.build.listing import Listing, Names
from fbuild_watch.build.memory import ByContent, Memory
from fbuild_watch.build.unlisted import Unlisted, scan
from fbuild_watch.system.stamps import Stamp

_ALL = "?"
"""Begins the digest of all names on the way; no name begins so that a compiler looks for."""


@dataclass(frozen=True, slots=True)
class _Unused:
    """What `unused` says, apart."""

    files: frozenset[str]
    asked: frozenset[str]
    names: str
    """The digest of all names on the way; empty where nobody asks for any."""

    @classmethod
    def read(cls, unused: Collection[str]) -> _Unused:
        files = frozenset(name for name in unused if os.path.isabs(name))  # noqa: PTH117
        names = next((name for name in unused if name.startswith(_ALL)), "")
        return cls(files, frozenset(unused) - files - {names}, names)


class Shadows:
    """Looks for files of the same name. Folders are listed once for each look everywhere."""

    def __init__(self, project: Path, jobs: Jobs) -> None:
        self._project = str(project)
        self._listing = Listing()
        self._scanned = ByContent(_scanned)
        self._answered: dict[tuple[str, frozenset[str]], set[str]] = {}
        self._before_given: dict[tuple[frozenset[str], tuple[str, ...]], set[str]] = {}
        self._given: dict[frozenset[str], Names] = {}
        self.adopt(jobs)

    def adopt(self, jobs: Jobs) -> None:
        """Work for these jobs from now on."""
        self._jobs = jobs
        self._ways: dict[tuple[tuple[str, ...], ...], tuple[str, ...]] = {}
        self.forget()

    def forget(self) -> None:
        """Folders may have changed."""
        self._listing.forget()
        self._answered.clear()
        self._before_given.clear()
        self._ways.clear()

    def looks(self) -> dict[str, Stamp | None] | None:
        """How each folder on the way was found; None: it may have changed since without a trace."""
        return self._listing.looks()

    # --- one unit --------------------------------------------------------------------------

    def unused(
        self, job: Job, inputs: Iterable[Version], copied: Iterable[str] = ()
    ) -> tuple[str, ...]:
        """What a unit that was compiled has not read, but would have to be compiled again for:
        files on its way to its headers, and the names that it, or the assembler, asks for.
        """
        if not job.is_unit:
            return ()
        read = [version.path for version in inputs]
        said = [self.unlisted(version) for version in self.own(inputs)]
        names = {*copied, *(name for one in said for name in one.asked)}
        asked = frozenset(name for name in names if not os.path.isabs(name))  # noqa: PTH117
        anything = [self._all_names(job, read)] if any(one.asks_anything for one in said) else []
        return (*sorted(self._unread(job, read, asked)), *sorted(asked), *anything)

    def difference(self, job: Job, inputs: Iterable[str], unused: Collection[str]) -> str | None:
        """A file because of which a unit may not read now what it read then; None: there is none."""
        then, inputs = _Unused.read(unused), tuple(inputs)
        if then.names and then.names != self._all_names(job, inputs):
            return "a name that __has_include may ask for"
        now = self._unread(job, inputs, then.asked)
        return min(now ^ then.files if then.asked else now - then.files, default=None)

    def places_of(self, job: Job, names: Iterable[str]) -> list[str]:
        """Where the assembler looks for files: from the folder it runs in, and the options'."""
        folders = (self._project, *self._named(job))
        return [os.path.join(folder, name) for name in sorted(names) for folder in folders]  # noqa: PTH118

    def unlisted(self, version: Version) -> Unlisted:
        """What a file says that no depfile does. Each content is read once."""
        return self._scanned.of(version)

    def is_given(self, path: str) -> bool:
        """Whether a file is the toolchain's."""
        return self._jobs.toolchain.has(path)

    def own(self, inputs: Iterable[Version]) -> list[Version]:
        """The inputs that are not the toolchain's."""
        return [version for version in inputs if not self._jobs.toolchain.has(version.path)]

    def _unread(self, job: Job, inputs: Iterable[str], asked: frozenset[str]) -> set[str]:
        """What is on a unit's way to its headers, and is not one of them."""
        read, has = {_plain(path) for path in inputs}, self._jobs.toolchain.has
        headers = read.difference(job.inputs)
        given = frozenset(path for path in headers if has(path))
        own = headers - given
        way = self._way(job, own)
        found = self._listing.found(Names(_rests(own, way)), way)
        if asked:
            found |= self._listing.found(Names(asked), (self._project, *way))
        return (found | self._found_before(given, way)) - read

    def _found_before(self, given: frozenset[str], way: tuple[str, ...]) -> set[str]:
        """What is called as one of the toolchain's headers is; the same for most units."""
        known = self._before_given.get((given, way))
        if known is None:
            names = self._given.get(given)
            if names is None:
                names = self._given[given] = Names(_ends(given))
            known = self._before_given[given, way] = self._listing.found(names, way)
        return known

    def _all_names(self, job: Job, inputs: Iterable[str]) -> str:
        own = {path for path in map(_plain, inputs) if not self._jobs.toolchain.has(path)}
        folders = (self._project, *self._way(job, own.difference(job.inputs)))
        mine = {name for name in folders if not self._jobs.toolchain.has(f"{name}{os.sep}")}
        return _ALL + digest(b"".join(sorted(map(self._listing.below, mine)))).hex()

    def _way(self, job: Job, headers: Iterable[str]) -> tuple[str, ...]:
        """The folders where this compiler may look: its options', its source's, its headers'."""
        beside = sorted({os.path.dirname(path) for path in (job.inputs[0], *headers)})  # noqa: PTH120
        return tuple(dict.fromkeys((*self._named(job), *beside)))

    def _named(self, job: Job) -> tuple[str, ...]:
        """The folders of a command's options and variables; most commands have the same."""
        key = (job.folders, job.mentions, job.environment)
        known = self._ways.get(key)
        if known is None:
            folders = search.folders(self.words(job)) if job.mentions else job.folders
            names = (*folders, *search.in_variables(job.environment))
            known = self._ways[key] = search.absolute(self._project, names)
        return known

    def words(self, job: Job) -> Iterable[str]:
        """A command with its files of words in their places."""
        return search.spelled_out(job.argv, self._text) if job.mentions else job.argv

    def _text(self, name: str) -> str:
        return (Path(self._project) / name).read_text(encoding="utf-8", errors="replace")

    # --- all units -------------------------------------------------------------------------

    def new(self, memory: Memory) -> Iterator[tuple[Job, str]]:
        """The units on whose way something new is, and what."""
        names = self._several(memory)
        for job in self._jobs.units:
            record = memory.records.get(job.output)
            if record is None or not (names or record.unused):
                continue
            read = [version.path for version in record.inputs]
            is_asked = self._answers_differ(job, read, record.unused)
            if is_asked or any(os.path.basename(path) in names for path in read):  # noqa: PTH119
                found = self.difference(job, read, record.unused)
                if found:
                    yield job, found

    def _answers_differ(self, job: Job, read: list[str], unused: Collection[str]) -> bool:
        """Whether what a unit asks for may be there or not as it was not; quick, for thousands."""
        then = _Unused.read(unused)
        if then.names or not then.asked:
            return bool(then.names)
        endings = tuple(f"{os.sep}{name}" for name in then.asked)
        before = {path for path in (*then.files, *read) if path.endswith(endings)}
        beside = {os.path.dirname(path) for path in read}  # noqa: PTH120
        folders = beside.union(self._named(job), (self._project,))
        found = (self._answers(folder, then.asked) for folder in folders)
        return set().union(*found) != before

    def _answers(self, folder: str, asked: frozenset[str]) -> set[str]:
        known = self._answered.get((folder, asked))
        if known is None:
            found = self._listing.found(Names(asked), (folder,))
            known = self._answered[folder, asked] = found
        return known

    def _several(self, memory: Memory) -> set[str]:
        """The names of headers that are in more than one of all the folders on the way.

        Most often there are none: then no unit has to be asked.
        """
        sources, has = {job.inputs[0] for job in self._jobs.units}, self._jobs.toolchain.has
        known = sources | memory.records.keys()
        headers = {_plain(path) for path in memory.paths() if path not in known}
        given = frozenset(path for path in headers if has(path))
        own = headers - given
        beside = {os.path.dirname(path) for path in (*sources, *own)}  # noqa: PTH120
        folders = {*beside, *(folder for job in self._jobs.units for folder in self._named(job))}
        found = self._listing.found(Names(_rests(own, folders)), folders)
        count = Counter(os.path.basename(path) for path in found)  # noqa: PTH119
        shadowing = self._listing.found(Names(_ends(given)), folders) - given
        twice = {name for name, places in count.items() if places > 1}
        return twice | {os.path.basename(path) for path in shadowing}  # noqa: PTH119


def _scanned(version: Version) -> Unlisted:
    try:
        return scan(Path(version.path).read_bytes())
    except OSError:
        return Unlisted()


def _rests(headers: Iterable[str], folders: Iterable[str]) -> set[str]:
    """What an `#include` may have said of these headers: their names below one of the folders."""
    prefixes = [f"{folder}{os.sep}" for folder in folders]
    return {
        path[len(prefix) :] for path in headers for prefix in prefixes if path.startswith(prefix)
    }


def _ends(headers: Iterable[str]) -> Iterator[str]:
    """What an `#include` may have said of headers in folders that are not known."""
    for path in headers:
        at = path.find(os.sep)
        while at >= 0:
            yield path[at + 1 :]
            at = path.find(os.sep, at + 1)


def _plain(path: str) -> str:
    """A path without `..` (`-I../common`), as the folders on the way are written."""
    return os.path.normpath(path) if f"{os.sep}." in path else path
