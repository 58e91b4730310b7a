"""What tells one state of a file or folder from another: its times, size and inode.

A file that changed within the clock's grain before it was looked at may change once more without a
trace in these: its stamp is not settled, and proves nothing (git calls such an entry racily clean).
"""

from __future__ import annotations

import os
import time

Stamp = tuple[int, int, int, int]
"""mtime and ctime in ns, size in bytes, inode."""

_GRAIN_NS = 20_000_000
"""Twice the coarsest tick of a Linux kernel's clock (HZ=100)."""
_COARSE_NS = 2_000_000_000
"""FAT keeps even seconds, some others whole ones."""


def of(info: os.stat_result) -> Stamp:
    """The stamp of a file that was looked at."""
    return (info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino)


def now(path: str) -> Stamp | None:
    """A file's stamp as it is; None where there is nothing of that name."""
    try:
        return of(os.stat(path))  # noqa: PTH116  (asked of thousands)
    except (OSError, ValueError):
        return None


def is_settled(stamp: Stamp | None, looked_ns: int | None = None) -> bool:
    """Whether a stamp that was taken at `looked_ns` (None: now) proves something."""
    if stamp is None:
        return True
    changed = max(stamp[:2])
    grain = _COARSE_NS if changed % 1_000_000_000 == 0 else _GRAIN_NS
    return (time.time_ns() if looked_ns is None else looked_ns) - changed > grain
