"""Locks on open files, held by the kernel: death of any kind releases them. POSIX and Windows.

A lock belongs to the open file, so two opens in one process exclude each other as two processes do.
The files themselves are never unlinked: whoever waits on an unlinked one would wait on nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def open_lock_file(path: Path) -> int:
    """A descriptor to lock; the file is made where it is not there. Raises OSError."""
    no_link = getattr(os, "O_NOFOLLOW", 0)
    return os.open(path, os.O_RDWR | os.O_CREAT | no_link, 0o600)


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    _PLACES = 64
    """A sharer takes one of so many bytes, the one alone takes all: Windows' C library has no
    shared lock."""

    def try_exclusive(fd: int) -> bool:
        """Take the lock alone if nobody has it."""
        return _take(fd, 0, _PLACES)

    def try_shared(fd: int) -> bool:
        """Take the lock together with others who share it."""
        return any(_take(fd, place, 1) for place in range(_PLACES))

    def _take(fd: int, start: int, length: int) -> bool:
        os.lseek(fd, start, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, length)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_exclusive(fd: int) -> bool:
        """Take the lock alone if nobody has it. Raises OSError where the kernel cannot lock."""
        return _flock(fd, fcntl.LOCK_EX)

    def try_shared(fd: int) -> bool:
        """Take the lock together with others who share it. Raises OSError as above."""
        return _flock(fd, fcntl.LOCK_SH)

    def _flock(fd: int, kind: int) -> bool:
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
