"""What was made of a file, or found in a folder, kept in memory until that changes.

Rules
- A file or a folder is the same while its times, size and inode are.
- What was read within the clock's grain of the file's last change is not kept: the file may
  change once more without a trace in them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

Made = TypeVar("Made")
Stamp = tuple[int, int, int, int]

_GRAIN_NS = 20_000_000
"""Twice the coarsest tick of a Linux kernel's clock (HZ=100)."""


class FileMemory(Generic[Made]):
    """Calls `make` with the content of a file, once for each state of the file."""

    def __init__(self, make: Callable[[bytes, str], Made]) -> None:
        self._make = make
        self._known: dict[str, tuple[Stamp, Made]] = {}

    def of(self, path: str) -> Made:
        """What `make` makes of this file. Raises OSError, and what `make` raises."""
        info = os.stat(path)  # noqa: PTH116  (asked for every source on every plan)
        stamp = (info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino)
        known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        now = time.time_ns()
        made = self._make(_content(path, info.st_size), path)
        if now - max(info.st_mtime_ns, info.st_ctime_ns) > _GRAIN_NS:
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
        info = os.stat(path)  # noqa: PTH116
        stamp = (info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino)
        known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        now = time.time_ns()
        folder = Path(path)
        with os.scandir(path) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        listed = tuple((folder / entry.name, entry.is_dir()) for entry in found)
        linked = any(entry.is_symlink() for entry in found)  # what it leads to may change
        if not linked and now - max(info.st_mtime_ns, info.st_ctime_ns) > _GRAIN_NS:
            self._known[path] = (stamp, listed)
        return listed


ENTRIES = Entries()
"""Shared by all who list folders of sources and libraries."""
