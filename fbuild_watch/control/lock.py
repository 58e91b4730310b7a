"""The lock of the user's one process.

The kernel holds it (`flock`, on Windows `msvcrt.locking`) for the life of the process, so it
cannot be stale: death of any kind releases it. `fbuild.lock` is never renamed, rewritten or
unlinked. What is known of the holder lies beside it (`info.py`) and is never the lock.

The process has it alone. Commands that do the work themselves, because no process runs, have it
together (`guests.py`): they keep a process from starting, and not each other.

Imports nothing slow: whoever loses learns it within milliseconds.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fbuild_watch import __version__
from fbuild_watch.control import guests, info
from fbuild_watch.control.guests import Guest, OnWait, ignore
from fbuild_watch.control.info import Info
from fbuild_watch.control.runtime import PREFIX, runtime_dir
from fbuild_watch.errors import LockHeld, LockUnsupported
from fbuild_watch.system.kernel_lock import open_lock_file, try_exclusive, try_shared

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
        """Tell where we answer and what we serve. Raises RuntimeFolderUnsafe."""
        self.info = replace(self.info, endpoint=endpoint, projects=projects)
        info.write(self.folder, self.info)


@contextlib.contextmanager
def hold(*projects: Path, on_wait: OnWait = ignore) -> Iterator[Held]:
    """Be the user's one process for the length of the block.

    Guests that end by themselves are waited for; `on_wait` is told of each. Raises LockHeld as soon
    as the winner is known, RuntimeFolderUnsafe, LockUnsupported.
    """
    folder = runtime_dir()
    with _opened(folder) as fd:
        _take(fd, folder, on_wait)
        guests.clear(folder)
        info.clear(folder)  # what a killed one has left
        held = Held(folder, _ourselves(projects))
        info.write(folder, held.info)
        try:
            yield held
        finally:
            info.clear(folder)  # before the lock is free, or it would be the next one's


@contextlib.contextmanager
def share(command: str, *, stays: bool = False) -> Iterator[Guest]:
    """Use boards without a process, for the length of the block, beside others who do.

    `command` is who we are, in words; `stays`: until a person ends us. Raises as `hold` does.
    """
    folder = runtime_dir()
    with _opened(folder) as fd:
        _take_shared(fd, folder)
        ourselves = replace(_ourselves(()), command=command, stays=stays)
        with guests.registered(folder, ourselves) as guest:
            yield guest


def wait_until_free(on_wait: OnWait = ignore) -> None:
    """Return when the lock could be had; somebody quicker may have it then. Raises as `hold` does."""
    folder = runtime_dir()
    with _opened(folder) as fd:
        _take(fd, folder, on_wait)


def holder() -> Info | None:
    """Who holds the lock now; None: nobody. One that has not said who it is has pid 0."""
    folder = runtime_dir()
    with _opened(folder) as fd:
        deadline = time.monotonic() + PATIENCE_S
        while not _lock_nowait(fd, folder, try_shared):
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
        if _lock_nowait(fd, folder, try_shared):
            return False
    found = info.read(folder)
    return found is None or found.pid == pid


def _take(fd: int, folder: Path, on_wait: OnWait) -> None:
    """The lock, alone: after the guests."""
    deadline = time.monotonic() + PATIENCE_S
    told: set[int] = set()
    while not _lock_nowait(fd, folder, try_exclusive):
        _refuse_beside_process(folder)
        for guest in guests.living(folder):
            if guest.stays:
                raise LockHeld(guest.pid, guest.port or None, guest.command)
            if guest.pid not in told:
                on_wait(guest)
            told.add(guest.pid)
            deadline = time.monotonic() + PATIENCE_S
        _pause(deadline, guests.PAUSE_S if told else _PAUSE_S)


def _take_shared(fd: int, folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not _lock_nowait(fd, folder, try_shared):
        _refuse_beside_process(folder)
        _pause(deadline)


def _refuse_beside_process(folder: Path) -> None:
    if found := info.read(folder):
        raise LockHeld(found.pid, next(iter(found.projects), None))


def _pause(deadline: float, seconds: float = _PAUSE_S) -> None:
    """A lock that is held without a word may be held by a mere look (`holder`): try again."""
    if time.monotonic() > deadline:
        raise LockHeld(None, None)
    time.sleep(seconds)


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


def _lock_nowait(fd: int, folder: Path, attempt: Callable[[int], bool]) -> bool:
    try:
        return attempt(fd)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, str(error.errno))
        raise LockUnsupported(str(folder), name) from error
