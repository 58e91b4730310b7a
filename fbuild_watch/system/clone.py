"""A second name or copy of a file, as cheap as the file system allows."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

_FICLONE = 0x40049409
"""ioctl of Linux' file systems with shared extents (btrfs, XFS): <linux/fs.h>."""


def clone(source: Path, target: Path) -> None:
    """Make `target`, which is not there, hold what `source` holds. Raises OSError.

    A reflink where the file system can, else a hard link (the two are one file then, and nobody
    may write in it), else a copy (another file system).
    """
    if _reflink(source, target):
        return
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        if not source.exists():
            raise
        shutil.copyfile(source, target)


def copy(source: Path, target: Path) -> None:
    """Make `target`, which is not there, hold what `source` holds now, whatever is written into
    `source` later. Raises OSError.
    """
    if not _reflink(source, target):
        shutil.copyfile(source, target)


if sys.platform == "linux":
    import fcntl

    def _reflink(source: Path, target: Path) -> bool:
        with source.open("rb") as old:
            with target.open("xb") as new:
                try:
                    fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
                except OSError:
                    pass
                else:
                    return True
            target.unlink()
        return False

else:

    def _reflink(_source: Path, _target: Path) -> bool:
        return False
