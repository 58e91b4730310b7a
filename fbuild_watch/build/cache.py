"""The user's object cache: compiled objects by what they were made from. Files only.

    FOLDER/units/KEY      what is known of one command on one source: its inputs, the object, the words
    FOLDER/files/DIGEST   an object, named after its content

The key stands for what is known before the compiler runs: command, compiler, source. Which headers
there are is only known afterwards; so a unit's file lists, newest first, what the inputs were
each time, and a hit is an entry whose inputs all are what they are now (ccache's direct mode).

Rules
- A hit is proven, twice: by the content of every input, and by the content of the object, whose
  name is its digest. What is damaged is a miss, and removed.
- Objects are shared with build folders by hard link: they are read-only, and nobody writes in them.
- Every file appears whole. Any number of processes may use, fill and trim the cache at once.
- The least recently used units go when it outgrows its limit.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from fbuild_watch.build.graph import Digest
from fbuild_watch.system.clone import clone
from fbuild_watch.system.files import beside, write_atomically

_ALTERNATIVES = 8
"""States of the headers that are remembered for one command on one source."""
_TRIM_EVERY_S = 3600.0
_TRIM_TO = 0.8
"""A trim leaves so much of the limit, so that the next one is not near."""


_LIMIT = 5 << 30
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def user_cache() -> ObjectCache | None:
    """This user's cache: FBUILD_CACHE_DIR, else the system's place for caches.

    FBUILD_CACHE_LIMIT is a size such as 500M or 2G (5G if it is not set); 0 means no cache.
    """
    limit = _limit(os.environ.get("FBUILD_CACHE_LIMIT", ""))
    if not limit:
        return None
    if own := os.environ.get("FBUILD_CACHE_DIR"):
        return ObjectCache(Path(own).absolute(), limit)
    import platformdirs

    folder = Path(platformdirs.user_cache_dir("fbuild", appauthor=False))
    return ObjectCache(folder / "objects", limit)


def _limit(text: str) -> int:
    """A size in bytes; what is none counts as not set."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:I?B)?", text.strip().upper())
    return int(float(match[1]) * _UNITS[match[2]]) if match else _LIMIT


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """What one run of a compiler read, made and said."""

    inputs: list[tuple[str, Digest]]
    """Each input's name, as the project's Places write it, and its content."""
    unused: list[str]
    """What lay on the way to them (shadows.py)."""
    object: Digest
    words: str


class ObjectCache:
    """A folder of objects; `limit` in bytes."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._units = folder / "units"
        self._objects = folder / "files"
        self._limit = limit

    def find(self, key: Digest, holds: Callable[[Entry], bool]) -> Entry | None:
        """The newest entry that still holds; None: there is none."""
        path = self._unit(key)
        for entry in _read(path):
            if holds(entry):
                with contextlib.suppress(OSError):
                    os.utime(path)  # used now
                return entry
        return None

    def fetch(self, entry: Entry, output: Path) -> bool:
        """Put an entry's object at `output`, where nothing is; whether it was there."""
        try:
            clone(self._object(entry.object), output)
        except OSError:
            return False
        return True

    def add(self, key: Digest, entry: Entry, made: Path) -> None:
        """Keep `made`, the object of an entry. Raises OSError."""
        kept = self._object(entry.object)
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            aside = beside(kept)
            aside.unlink(missing_ok=True)
            try:
                clone(made, aside)
                aside.chmod(0o444)
                aside.replace(kept)
            finally:
                aside.unlink(missing_ok=True)
        path = self._unit(key)
        others = [old for old in _read(path) if old.inputs != entry.inputs]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, msgspec.msgpack.encode([entry, *others][:_ALTERNATIVES]))

    def discard(self, key: Digest, entry: Entry) -> None:
        """An entry's object is not what its name says: both go."""
        with contextlib.suppress(OSError):
            self._object(entry.object).unlink(missing_ok=True)
            rest = [other for other in _read(self._unit(key)) if other.object != entry.object]
            write_atomically(self._unit(key), msgspec.msgpack.encode(rest))

    def trim_if_due(self) -> None:
        """Trim once an hour, whoever of the user's processes comes first."""
        mark = self._units / ".trimmed"
        with contextlib.suppress(OSError):
            try:
                if 0 <= time.time() - mark.stat().st_mtime < _TRIM_EVERY_S:
                    return
            except FileNotFoundError:
                mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
            self.trim()

    def trim(self) -> None:
        """Forget the least recently used until the rest is within the limit. Raises OSError."""
        self._remove_leftovers()
        sizes = {file.name: file.stat().st_size for file in _files(self._objects)}
        if sum(sizes.values()) <= self._limit:
            return
        room = int(self._limit * _TRIM_TO)
        kept: set[str] = set()
        for unit in sorted(_files(self._units), key=_last_use, reverse=True):
            names = {entry.object.hex() for entry in _read(Path(unit.path))} & sizes.keys() - kept
            room -= sum(sizes[name] for name in names)
            if room < 0:
                _remove(unit.path)
            else:
                kept |= names
        for name in sizes.keys() - kept:
            _remove(str(self._objects / name[:2] / name))

    def _remove_leftovers(self) -> None:
        """What was never whole, of processes that were killed."""
        old = time.time() - _TRIM_EVERY_S
        for folder in (self._objects, self._units):
            for file in _walk(folder):
                if file.name.endswith(".tmp") and _last_use(file) < old:
                    _remove(file.path)

    def _unit(self, key: Digest) -> Path:
        name = key.hex()
        return self._units / name[:2] / name

    def _object(self, content: Digest) -> Path:
        name = content.hex()
        return self._objects / name[:2] / name


def _read(path: Path) -> list[Entry]:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=list[Entry])
    except (OSError, msgspec.DecodeError):
        return []


def _files(folder: Path) -> Sequence[os.DirEntry[str]]:
    """Those that are whole."""
    return [file for file in _walk(folder) if not file.name.startswith(".")]


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path))
            else:
                yield entry


def _last_use(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        Path(path).unlink()
