"""The lock of the user's one process.

The kernel holds it (`flock`, on Windows `msvcrt.locking`) for the life of the process, so it
cannot be stale: death of any kind releases it. `fbuild.lock` is never renamed, rewritten or
unlinked. What is known of the holder lies beside it (`info.py`) and is never the lock.

Imports nothing slow: whoever loses learns it within milliseconds.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fbuild_watch import __version__
from fbuild_watch.control import info
from fbuild_watch.control.info import Info
from fbuild_watch.control.runtime import PREFIX, runtime_dir
from fbuild_watch.errors import LockHeld, LockUnsupported
from fbuild_watch.kernel_lock import open_lock_file, try_exclusive

NAME = f"{PREFIX}lock"

PATIENCE_S = 0.5
"""How long a loser waits for the winner's `fbuild.json`, and a starter for a mere look to end."""

_PAUSE_S = 0.002


@dataclass(slots=True)
class Held:
    """The lock, while it is ours, and what the others are told of us."""

    folder: Path
    info: Info

    def publish(self, *, endpoint: str | None, projects: tuple[str, ...]) -> None:
        """Tell where we answer and what we serve."""
        self.info = replace(self.info, endpoint=endpoint, projects=projects)
        info.write(self.folder, self.info)


@contextlib.contextmanager
def hold(*projects: Path) -> Iterator[Held]:
    """Be the user's one process for the length of the block.

    Raises LockHeld as soon as the winner is known, RuntimeFolderUnsafe, LockUnsupported.
    """
    folder = runtime_dir()
    with _opened(folder) as fd:
        _take(fd, folder)
        info.clear(folder)  # what a killed one has left
        held = Held(folder, _ourselves(projects))
        info.write(folder, held.info)
        try:
            yield held
        finally:
            info.clear(folder)  # before the lock is free, or it would be the next one's


def holder() -> Info | None:
    """Who holds the lock now; None: nobody. One that has not said who it is has pid 0."""
    folder = runtime_dir()
    with _opened(folder) as fd:
        deadline = time.monotonic() + PATIENCE_S
        while not _lock_nowait(fd, folder):
            if found := info.read(folder):
                return found
            if time.monotonic() > deadline:
                return Info(0, 0.0, "", 0.0)
            time.sleep(_PAUSE_S)
    return None


def is_held_by(pid: int) -> bool:
    """Whether a process still has the lock, though it may have said goodbye already."""
    folder = runtime_dir()
    with _opened(folder) as fd:
        if _lock_nowait(fd, folder):
            return False
    found = info.read(folder)
    return found is None or found.pid == pid


def _take(fd: int, folder: Path) -> None:
    """The lock. One that is held without a word may be held by a mere look (`holder`): try again."""
    deadline = time.monotonic() + PATIENCE_S
    while not _lock_nowait(fd, folder):
        if found := info.read(folder):
            raise LockHeld(found.pid, next(iter(found.projects), None))
        if time.monotonic() > deadline:
            raise LockHeld(None, None)
        time.sleep(_PAUSE_S)


def _ourselves(projects: tuple[Path, ...]) -> Info:
    pid = os.getpid()
    names = tuple(str(project) for project in projects)
    return Info(pid, info.process_started(pid), __version__, time.time(), names)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    fd = open_lock_file(folder / NAME)
    try:
        yield fd
    finally:
        os.close(fd)


def _lock_nowait(fd: int, folder: Path) -> bool:
    try:
        return try_exclusive(fd)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, str(error.errno))
        raise LockUnsupported(str(folder), name) from error
