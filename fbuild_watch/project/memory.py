"""What was made of a file, or found in a folder, kept in memory until that changes.

Everything that planning looks at, it looks at through here, and LOOKS remembers it: a later process
can tell from that whether a plan would be the same (standing.py).

Rules
- A file or a folder is the same while its stamp is; one that is not settled is not kept (system/stamps.py).
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from fbuild_watch.system import stamps, surroundings
from fbuild_watch.system.files import is_folder
from fbuild_watch.system.stamps import Stamp

Made = TypeVar("Made")


class Looks:
    """Each path that was looked at, as it was found first; None: there was nothing."""

    def __init__(self) -> None:
        self.found: dict[str, Stamp | None] = {}
        self.programs: dict[str, str | None] = {}
        """Each program that was looked for, and its file."""
        self.is_sure = True
        """Whether that is all that a plan depends on, and all of it is settled."""

    def at(self, path: str) -> os.stat_result | None:
        """Look at a path; None: there is nothing."""
        try:
            info = os.stat(path)  # noqa: PTH116  (asked for every source on every plan)
        except (OSError, ValueError):
            info = None
        stamp = None if info is None else stamps.of(info)
        if path not in self.found:
            self.found[path] = stamp
            self.is_sure &= stamps.is_settled(stamp)
        elif self.found[path] != stamp:
            self.is_sure = False
        return info


LOOKS = Looks()
"""This process's."""


def is_file(path: Path | str) -> bool:
    """Whether there is a file."""
    info = LOOKS.at(str(path))
    return info is not None and stat.S_ISREG(info.st_mode)


def is_dir(path: Path | str) -> bool:
    """Whether there is a folder."""
    info = LOOKS.at(str(path))
    return info is not None and stat.S_ISDIR(info.st_mode)


def which(program: str) -> str | None:
    """The file of a program; None where PATH has none."""
    found = LOOKS.programs[program] = surroundings.which(program)
    return found


def read_bytes(path: Path) -> bytes:
    """A file's content. Raises OSError."""
    LOOKS.at(str(path))
    return path.read_bytes()


class FileMemory(Generic[Made]):
    """Calls `make` with the content of a file, once for each state of the file."""

    def __init__(self, make: Callable[[bytes, str], Made]) -> None:
        self._make = make
        self._known: dict[str, tuple[Stamp, Made]] = {}

    def of(self, path: str) -> Made:
        """What `make` makes of this file. Raises OSError, and what `make` raises."""
        info = LOOKS.at(path) or os.stat(path)  # noqa: PTH116  (which raises)
        if not stat.S_ISREG(info.st_mode):  # to open a pipe would wait for its other end
            raise OSError(errno.EINVAL, "this is no file", path)
        stamp = stamps.of(info)
        known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        now = time.time_ns()
        made = self._make(_content(path, info.st_size), path)
        if stamps.is_settled(stamp, now):
            self._known[path] = (stamp, made)
        return made


def _content(path: str, size: int) -> bytes:
    """The bytes of a file, without a buffer's cost: thousands are read by a first plan."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        pieces = [os.read(file, size + 1)]
        while pieces[-1]:
            pieces.append(os.read(file, 1 << 16))
    finally:
        os.close(file)
    return b"".join(pieces)


class Entries:
    """What lies in folders: names in order, each with whether it is a folder (links followed)."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Stamp, tuple[tuple[Path, bool], ...]]] = {}

    def of(self, path: str) -> tuple[tuple[Path, bool], ...]:
        """The entries of a folder. Raises OSError."""
        stamp = stamps.of(LOOKS.at(path) or os.stat(path))  # noqa: PTH116  (which raises)
        known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        now = time.time_ns()
        folder = Path(path)
        with os.scandir(path) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        listed = tuple((folder / entry.name, is_folder(entry)) for entry in found)
        linked = any(entry.is_symlink() for entry in found)  # what it leads to may change
        if not linked and stamps.is_settled(stamp, now):
            self._known[path] = (stamp, listed)
        return listed


ENTRIES = Entries()
"""Shared by all who list folders of sources and libraries."""


def below(folder: Path) -> list[Path]:
    """What lies in a folder, in order; nothing where there is none."""
    try:
        return [path for path, _ in ENTRIES.of(str(folder))]
    except OSError:
        return []
