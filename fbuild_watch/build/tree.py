"""The files as one build sees them: their contents, with `stat` as the way to save reading.

Rules
- A file is read again when its times, size or inode differ from those it was last read at.
- A stamp that was not settled when the file was read is not trusted later (system/stamps.py).
- What a build saw at its start stays what it saw. Whether an input is still that after a command
  has run is asked with `unchanged`.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path

from blake3 import blake3

from fbuild_watch.build.graph import Digest, Version, digest
from fbuild_watch.build.memory import Memory, Stamp
from fbuild_watch.system import stamps

_LARGE = 1 << 20
_PIECE = 4 << 20
"""Bytes of a large file that are hashed at once, by as many threads as are worth it."""


class Tree:
    """Digests of files. One per Builder; `begin` opens a new build."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        """Where the stamps are."""
        self._seen: dict[str, Version | None] = {}
        self._began_ns = 0

    def begin(self, now_ns: int) -> None:
        """Open a build at `now_ns` of the file system's clock; what was seen before still counts."""
        self._began_ns = now_ns

    def forget(self) -> None:
        """Nobody knows what changed: every file is looked at again when it is asked for."""
        self._seen.clear()

    def differs(self, path: str) -> bool:
        """Look again at one file: is it another than was seen before?"""
        unseen = path not in self._seen
        before = self._seen.get(path)
        now = self._seen[path] = self._read(path)
        return unseen or now is not before

    def look(self, path: str) -> Version | None:
        """What a file held when this build saw it first; None: no such file."""
        if path in self._seen:
            return self._seen[path]
        found = self._seen[path] = self._read(path)
        return found

    def look_at_all(self, paths: Iterable[str]) -> list[Version | None]:
        """`look` at thousands, most of which were seen."""
        paths = tuple(paths)
        found = list(map(self._seen.get, paths))
        return found if None not in found else [self.look(path) for path in paths]

    def renew(self, path: str) -> Version | None:
        """Look again at a file that this build has made."""
        self._seen.pop(path, None)
        return self.look(path)

    def looks(self) -> tuple[dict[str, stamps.Stamp], frozenset[str], dict[str, Digest]]:
        """How each file was found: by its stamp, not at all or, where its stamp proves nothing, by
        its content.
        """
        found: dict[str, stamps.Stamp] = {}
        contents: dict[str, Digest] = {}
        for path, version in self._seen.items():
            stamp = self.memory.stamps.get(path)
            if version is None:
                continue
            if stamp is not None and stamp.digest == version.digest:
                found[path] = stamp[:4]
            else:
                contents[path] = version.digest
        no_files = frozenset(path for path, version in self._seen.items() if version is None)
        return found, no_files, contents

    def now(self, path: str) -> Version | None:
        """What a file holds now, whatever this build saw."""
        return self._read(path)

    def unchanged(self, path: str) -> Version | None:
        """What an input holds if that is what it held before the command ran; else None.

        An input that was not looked at before must not have changed since `begin`. A change in
        the very tick of `begin` passes: no compiler has started and read a file in that time.
        """
        if path in self._seen:
            before = self._seen[path]
            return before if self._read(path) is before else None
        try:
            if changed_ns(Path(path).stat()) > self._began_ns:
                return None
        except (OSError, ValueError):
            return None
        return self.look(path)

    def _read(self, path: str) -> Version | None:
        try:
            info = os.stat(path)  # noqa: PTH116  (the hottest line: no Path object for each file)
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(info.st_mode):
            return None
        known = self.memory.stamps.get(path)
        if known is not None and known[:4] == stamps.of(info):
            return self.memory.version(path, known[4])
        return self._hash(path, info)

    def _hash(self, path: str, info: os.stat_result) -> Version | None:
        now = time.time_ns()
        try:
            content = _digest_of(path, info.st_size)
            after = os.stat(path)  # noqa: PTH116
        except OSError:
            return None
        stamp = stamps.of(info)
        settled = stamps.of(after) == stamp and stamps.is_settled(stamp, now)
        self.memory.stamp(path, Stamp(*stamp, content) if settled else None)
        return self.memory.version(path, content)


def changed_ns(info: os.stat_result) -> int:
    """When a file, or what is known of it, last changed."""
    return max(info.st_mtime_ns, info.st_ctime_ns)


def _digest_of(path: str, size: int) -> Digest:
    """Not by mmap: a file that is cut short meanwhile would end the process (SIGBUS)."""
    if size < _LARGE:
        return digest(Path(path).read_bytes())
    hasher, piece = blake3(max_threads=blake3.AUTO), memoryview(bytearray(_PIECE))
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        while count := file.readinto(piece):
            hasher.update(piece[:count])
    return hasher.digest(16)
