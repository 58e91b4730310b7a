"""Headers that come to lie before others: a new file that nobody has read may change what is read.

`#include "x.h"` means the first x.h on the way. A depfile names the one that was found, not the
places where there was none. So for each header that a unit has read, the same name is looked for in
every folder where that compiler may look. What is there and was not read when the unit was compiled
is its `unused`; what is there later, and neither read nor unused, makes it dirty.

Not seen: what `__has_include` asked for in vain, and the order of the folders: a new file at the end
of the way costs a compile for nothing.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from fbuild_watch.build import search
from fbuild_watch.build.graph import Job
from fbuild_watch.build.jobs import Jobs
from fbuild_watch.build.memory import Memory


class Shadows:
    """Looks for files of the same name. Folders are listed once for each look everywhere."""

    def __init__(self, project: Path, jobs: Jobs) -> None:
        self._project = str(project)
        self._jobs = jobs
        self._listed: dict[str, frozenset[str]] = {}

    def adopt(self, jobs: Jobs) -> None:
        """Work for these jobs from now on."""
        self._jobs = jobs

    def forget(self) -> None:
        """Folders may have changed."""
        self._listed.clear()

    def unused(self, job: Job, inputs: Iterable[str]) -> tuple[str, ...]:
        """What is on a unit's way to its headers, and is not one of them."""
        if not job.is_unit:
            return ()
        read = set(inputs)
        headers = [path for path in read if self._is_header(path, job)]
        found = self._found(_rests(headers, way := self._way(job, headers)), way)
        return tuple(sorted(path for path in found if path not in read))

    def new(self, memory: Memory) -> Iterator[tuple[Job, str]]:
        """The units on whose way something new is, and what."""
        names = self._several(memory)
        if not names:
            return
        for job in self._jobs.units:
            record = memory.records.get(job.output or "")
            if record is None:
                continue
            read = [version.path for version in record.inputs]
            if any(os.path.basename(path) in names for path in read):  # noqa: PTH119
                found = set(self.unused(job, read)) - set(record.unused)
                if found:
                    yield job, min(found)

    def _several(self, memory: Memory) -> set[str]:
        """The names of headers that are in more than one of all the folders on the way.

        Most often there are none: then no unit has to be asked.
        """
        sources = {job.inputs[0] for job in self._jobs.units}
        known, given = sources | memory.records.keys(), self._jobs.toolchain.has
        headers = [path for path in memory.paths() if path not in known and not given(path)]
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
        named = (os.path.normpath(os.path.join(self._project, name))  # noqa: PTH118
                 for name in search.folders(job.argv))  # fmt: skip
        beside = (os.path.dirname(path) for path in (job.inputs[0], *headers))  # noqa: PTH120
        return list(dict.fromkeys((*named, *beside)))

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


def _files_in(folder: str) -> frozenset[str]:
    """The files in a folder."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_file())
    except OSError:
        return frozenset()
