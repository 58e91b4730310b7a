"""The flash's contents in a file: a thin edge around `mmap`.

Rules
- A missing file is created, erased, in one step: a board that dies in between leaves nothing.
- Writes reach the file as they happen (a shared mapping); closing flushes them to the disk.
- A file of a wrong size is refused, never cut or stretched.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fbuild_watch.errors import BoardUnusable
from fbuild_watch.virtual.nor import DEFAULT_SIZE

SIZES = tuple(1 << power for power in range(20, 25))
"""1 to 16 MB: what these chips can address, and a size that the flash's JEDEC id can express."""


@contextmanager
def open_flash(path: Path) -> Iterator[mmap.mmap]:
    """Map the file for reading and writing; creates a missing one. Raises BoardUnusable."""
    try:
        if not path.exists():
            create_erased(path, DEFAULT_SIZE)
        file = path.open("r+b")
    except OSError as error:
        reason = error.strerror or str(error)
        raise BoardUnusable(
            f"the flash file {path} cannot be used: {reason}",
            hint="--flash names a file that you may read and write, or one to be created",
        ) from error
    with file:
        _check_size(path, os.fstat(file.fileno()).st_size)
        with mmap.mmap(file.fileno(), 0) as memory:
            try:
                yield memory
            finally:
                memory.flush()


def create_erased(path: Path, size: int) -> None:
    """Create the file with every byte 0xFF, aside first and then under its name."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(b"\xff" * size)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _check_size(path: Path, size: int) -> None:
    if size not in SIZES:
        known = ", ".join(f"{size >> 20} MB" for size in SIZES)
        raise BoardUnusable(
            f"the flash file {path} is {size:,} bytes, which is no flash size",
            hint=f"a flash is {known}; name a file that does not exist to get an erased one",
        )
