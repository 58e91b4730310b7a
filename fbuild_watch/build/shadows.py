"""Headers that come to lie before others: a new file that nobody has read may change what is read.

`#include "x.h"` means the first x.h on the way. A depfile names the one that was found, not the
places where there was none. So for each header that a unit has read, the same name is looked for in
every folder where that compiler may look. What is there and was not read when the unit was compiled
is its `unused`; what is there later, and neither read nor unused, makes it dirty.

A name that a unit only asks for (`__has_include`) is looked for in the same way: that it is there,
or is there no more, makes the unit dirty. `unused` keeps such names as they were written, relative.

Not seen: the order of the folders: a new file at the end of the way costs a compile for nothing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from fbuild_watch.build import search
from fbuild_watch.build.graph import Job, Version
from fbuild_watch.build.jobs import Jobs
from fbuild_watch.build.memory import Memory
from fbuild_watch.build.unlisted import Unlisted, scan


class Shadows:
    """Looks for files of the same name. Folders are listed once for each look everywhere."""

    def __init__(self, project: Path, jobs: Jobs) -> None:
        self._project = str(project)
        self._jobs = jobs
        self._listed: dict[str, frozenset[str]] = {}
        self._scanned: dict[Version, Unlisted] = {}
        self._answered: dict[tuple[str, frozenset[str]], set[str]] = {}
        self._ways: dict[tuple[str, ...], tuple[str, ...]] = {}

    def adopt(self, jobs: Jobs) -> None:
        """Work for these jobs from now on."""
        self._jobs = jobs

    def forget(self) -> None:
        """Folders may have changed."""
        self._listed.clear()
        self._answered.clear()

    def unused(self, job: Job, inputs: Iterable[Version]) -> tuple[str, ...]:
        """What a unit that was compiled has not read, but would have to be compiled again for:
        files on its way to its headers, and the names that it asks for.
        """
        if not job.is_unit:
            return ()
        own = [version for version in inputs if not self._jobs.toolchain.has(version.path)]
        asked = {name for version in own for name in self.unlisted(version).asked}
        asked = {name for name in asked if not os.path.isabs(name)}  # noqa: PTH117
        return (*sorted(self._unread(job, (it.path for it in own), asked)), *sorted(asked))

    def difference(self, job: Job, inputs: Iterable[str], unused: Collection[str]) -> str | None:
        """A file because of which a unit may not read now what it read then; None: there is none."""
        asked = {name for name in unused if not os.path.isabs(name)}  # noqa: PTH117
        before = set(unused) - asked
        now = self._unread(job, inputs, asked)
        return min(now ^ before if asked else now - before, default=None)

    def embedded(self, job: Job, inputs: Iterable[Version]) -> list[str]:
        """The files that the assembler may copy into a unit's object (`.incbin`)."""
        if not job.is_unit:
            return []
        given = self._jobs.toolchain.has
        own = (version for version in inputs if not given(version.path))
        names = {name for version in own for name in self.unlisted(version).embedded if name}
        folders = (self._project, *self._named(job))
        return [os.path.join(folder, name) for name in sorted(names) for folder in folders]  # noqa: PTH118

    def unlisted(self, version: Version) -> Unlisted:
        """What a file says that no depfile does. Each content is read once."""
        known = self._scanned.get(version)
        if known is None:
            try:
                known = scan(Path(version.path).read_bytes())
            except OSError:
                known = Unlisted()
            self._scanned[version] = known
        return known

    def _unread(self, job: Job, inputs: Iterable[str], asked: set[str]) -> set[str]:
        """What is on a unit's way to its headers, and is not one of them."""
        read = {_plain(path) for path in inputs}
        headers = [path for path in read if self._is_header(path, job)]
        way = self._way(job, headers)
        return self._found(_rests(headers, way) | asked, way) - read

    def new(self, memory: Memory) -> Iterator[tuple[Job, str]]:
        """The units on whose way something new is, and what."""
        names = self._several(memory)
        for job in self._jobs.units:
            record = memory.records.get(job.output or "")
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
        asked = frozenset(name for name in unused if not os.path.isabs(name))  # noqa: PTH117
        if not asked:
            return False
        endings = tuple(f"{os.sep}{name}" for name in asked)
        before = {path for path in (*unused, *read) if path.endswith(endings)}
        beside = {os.path.dirname(path) for path in read}  # noqa: PTH120
        found = (self._answers(folder, asked) for folder in beside.union(self._named(job)))
        return set().union(*found) != before

    def _answers(self, folder: str, asked: frozenset[str]) -> set[str]:
        known = self._answered.get((folder, asked))
        if known is None:
            known = self._answered[folder, asked] = self._found(set(asked), (folder,))
        return known

    def _several(self, memory: Memory) -> set[str]:
        """The names of headers that are in more than one of all the folders on the way.

        Most often there are none: then no unit has to be asked.
        """
        sources = {job.inputs[0] for job in self._jobs.units}
        known, given = sources | memory.records.keys(), self._jobs.toolchain.has
        paths = (path for path in memory.paths() if path not in known and not given(path))
        headers = [_plain(path) for path in paths]
        beside = {os.path.dirname(path) for path in (*sources, *headers)}  # noqa: PTH120
        folders = {*self._jobs.search, *beside}
        found = self._found(_rests(headers, folders), folders)
        count = Counter(os.path.basename(path) for path in found)  # noqa: PTH119
        return {name for name, places in count.items() if places > 1}

    def _found(self, rests: set[str], folders: Iterable[str]) -> set[str]:
        """Those of the names that are files below one of the folders."""
        nested = {rest for rest in rests if os.sep in rest}
        names = rests - nested
        found: set[str] = set()
        for folder in folders:
            for name in names & self._list(folder):
                found.add(os.path.join(folder, name))  # noqa: PTH118
            for rest in nested:
                inner, name = os.path.split(rest)
                if name in self._list(os.path.join(folder, inner)):  # noqa: PTH118
                    found.add(os.path.join(folder, rest))  # noqa: PTH118
        return found

    def _is_header(self, path: str, job: Job) -> bool:
        return path not in job.inputs and not self._jobs.toolchain.has(path)

    def _way(self, job: Job, headers: Iterable[str]) -> list[str]:
        """The folders where this compiler may look: its options', its source's, its headers'."""
        beside = (os.path.dirname(path) for path in (job.inputs[0], *headers))  # noqa: PTH120
        return list(dict.fromkeys((*self._named(job), *beside)))

    def _named(self, job: Job) -> tuple[str, ...]:
        """The folders of a command's options; most commands of a plan have the same."""
        words = tuple(search.folders(job.argv))
        known = self._ways.get(words)
        if known is None:
            join, plain = os.path.join, os.path.normpath
            known = tuple(plain(join(self._project, name)) for name in words)
            self._ways[words] = known
        return known

    def _list(self, folder: str) -> frozenset[str]:
        listed = self._listed.get(folder)
        if listed is None:
            listed = self._listed[folder] = _files_in(folder)
        return listed


def _rests(headers: Iterable[str], folders: Iterable[str]) -> set[str]:
    """What an `#include` may have said of these headers: their names below one of the folders."""
    prefixes = [f"{folder}{os.sep}" for folder in folders]
    return {
        path[len(prefix) :] for path in headers for prefix in prefixes if path.startswith(prefix)
    }


def _plain(path: str) -> str:
    """A path without `..` (`-I../common`), as the folders on the way are written."""
    return os.path.normpath(path) if f"{os.sep}." in path else path


def _files_in(folder: str) -> frozenset[str]:
    """The files in a folder."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_file())
    except OSError:
        return frozenset()
