"""The build folder has one user at a time: a lock of the kernel's, and the file system's own clock."""

from __future__ import annotations

import math
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import trio

from fbuild_watch.build.aside import Aside
from fbuild_watch.build.tree import changed_ns
from fbuild_watch.system.kernel_lock import open_lock_file, try_exclusive

_PAUSE_S = 0.02
_PATIENCE_S = 1.0
"""A wait that lasts longer is told."""

Clock = Callable[[], int]
"""The file system's own clock, in ns."""
T = TypeVar("T")


class BuildFolder:
    """The folder of one environment's outputs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @asynccontextmanager
    async def held(
        self, aside: Aside, first: Callable[[Clock], T], on_wait: Callable[[], None]
    ) -> AsyncIterator[T]:
        """Keep other builds out, and wait for one that is in. What `first` gives, done at once then.

        `on_wait` is told once of a long wait. Raises OSError where the folder cannot be made or locked.
        """
        lock, tell_at = _Lock(self.path), trio.current_time() + _PATIENCE_S
        try:
            while (found := await aside(lock.enter, first)) is None:
                if trio.current_time() >= tell_at:
                    tell_at = math.inf
                    on_wait()
                await trio.sleep(_PAUSE_S)
            yield found[0]
        finally:
            lock.leave()


class _Lock:
    """One build's hold of the folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".lock"
        self._file: int | None = None

    def enter(self, first: Callable[[Clock], T]) -> tuple[T] | None:
        """None: another build is in."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open_lock_file(self._path)
        return (first(self._now),) if try_exclusive(self._file) else None

    def leave(self) -> None:
        """The next, please."""
        if self._file is not None:
            os.close(self._file)

    def _now(self) -> int:
        assert self._file is not None
        os.utime(self._path)
        return changed_ns(os.fstat(self._file))
