"""The lock of a user's one `fbuild watch`.

The kernel holds it (`flock`, on Windows `msvcrt.locking`) for the life of the process, so it
cannot be stale: death of any kind releases it. `fbuild.lock` is never renamed, rewritten or
unlinked. What is known of the holder lies beside it in `fbuild.json`, written aside and renamed;
that file is never the lock, and may be left over from a process that was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from fbuild_watch import __version__
from fbuild_watch.errors import LockHeld

_PROBE_S = 0.05
"""`holder` takes the lock for an instant to see whether it is free; a starter outwaits that."""

_INFO_S = 0.5
"""How long a loser waits for the winner's `fbuild.json`."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock. `started` is the process's own start time, against recycled pids."""

    pid: int
    project: str
    started: float
    version: str


def runtime_dir() -> Path:
    """Where the user's running process keeps its files. Made on first use, for the user alone."""
    if own := os.environ.get("FBUILD_RUNTIME_DIR"):
        folder = Path(own)
    elif xdg := os.environ.get("XDG_RUNTIME_DIR"):
        folder = Path(xdg) / "fbuild"
    else:
        folder = _default_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _default_dir() -> Path:
    import platformdirs

    with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is not set, as in a container
        warnings.simplefilter("ignore")
        return Path(platformdirs.user_runtime_dir("fbuild", appauthor=False))


@contextlib.contextmanager
def hold(project: Path) -> Iterator[None]:
    """Be the user's one `fbuild watch` for the length of the block. Raises LockHeld at once."""
    folder = runtime_dir()
    with (folder / "fbuild.lock").open("a+b") as file:
        if not _try_lock(file.fileno(), patience=_PROBE_S):
            winner = _wait_for_info(folder)
            raise LockHeld(winner.pid, winner.project) if winner else LockHeld(None, None)
        _write_info(folder, project)
        try:
            yield
        finally:
            (folder / "fbuild.json").unlink(missing_ok=True)


def holder() -> Holder | None:
    """Who runs `fbuild watch` now; None: nobody."""
    folder = runtime_dir()
    with (folder / "fbuild.lock").open("a+b") as file:
        if _try_lock(file.fileno(), patience=0):
            return None
    return _wait_for_info(folder) or Holder(0, "", 0.0, "")


def _write_info(folder: Path, project: Path) -> None:
    info = Holder(os.getpid(), str(project), _start_time(os.getpid()), __version__)
    aside = folder / f"fbuild.json.{os.getpid()}"
    aside.write_text(json.dumps(asdict(info)), encoding="utf-8")
    aside.replace(folder / "fbuild.json")


def _wait_for_info(folder: Path) -> Holder | None:
    """The winner writes it just after it has the lock; one that is left over is not believed."""
    deadline = time.monotonic() + _INFO_S
    while True:
        with contextlib.suppress(OSError, ValueError, TypeError):
            found = Holder(**json.loads((folder / "fbuild.json").read_text(encoding="utf-8")))
            if found.started == _start_time(found.pid):
                return found
        if time.monotonic() > deadline:
            return None
        time.sleep(0.01)


def _start_time(pid: int) -> float:
    """When the process started; -1 where there is none."""
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return -1.0


def _try_lock(fd: int, *, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not _lock_nowait(fd):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.002)
    return True


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _lock_nowait(fd: int) -> bool:
        os.lseek(fd, 0, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock_nowait(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
