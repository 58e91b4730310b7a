"""The build folder has one user at a time: a lock of the kernel's, and the file system's own clock."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from fbuild_watch.build.tree import changed_ns
from fbuild_watch.kernel_lock import open_lock_file, try_exclusive

_PAUSE_S = 0.02


class BuildFolder:
    """The folder of one environment's outputs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Callable[[], int]]:
        """Keep other builds out, and wait for one that is in. Gives the file system's clock, in ns.

        Raises OSError where the folder cannot be made or locked.
        """
        lock, ours = await trio.to_thread.run_sync(self._open)
        try:
            while not ours:
                await trio.sleep(_PAUSE_S)
                ours = await trio.to_thread.run_sync(try_exclusive, lock)
            yield lambda: self._now(lock)
        finally:
            os.close(lock)

    def _open(self) -> tuple[int, bool]:
        """The lock's descriptor, and whether it is ours."""
        self.path.mkdir(parents=True, exist_ok=True)
        lock = open_lock_file(self.path / ".lock")
        try:
            return lock, try_exclusive(lock)
        except BaseException:
            os.close(lock)
            raise

    def _now(self, lock: int) -> int:
        os.utime(self.path / ".lock")
        return changed_ns(os.fstat(lock))
