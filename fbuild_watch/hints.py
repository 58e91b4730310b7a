"""What the watcher told since the last build: a hint that spares looking at every file. Pure.

A hint is all or nothing: either these paths are the only ones that changed, or nobody knows.

Nobody knows
- before the first build, and when nobody watches;
- after a storm: the kernel's queue of events has an end, and says nothing when it overflows;
- after the machine slept or its clock was set: what was written meanwhile may have made no event.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

STORM = 256
"""So many paths at once are a checkout, not edits. Linux's queue holds 16,384 events a user."""

JUMP_S = 1.0
"""The clocks drift apart by far less than this between two builds, unless the machine slept."""

Clocks = Callable[[], tuple[float, float]]
"""The time of day, and the seconds of a clock that stands still while the machine sleeps."""


def _clocks() -> tuple[float, float]:
    return time.time(), time.monotonic()


class Hints:
    """Collects changed paths from build to build."""

    def __init__(self, clocks: Clocks = _clocks) -> None:
        self._clocks = clocks
        self._watched = False
        self._paths: set[Path] = set()
        self._lost = True
        self._offset = _offset(clocks)

    def add(self, changes: Collection[Path]) -> None:
        """These files changed. Whoever calls this once has told, and will tell, of every change."""
        self._watched = True
        self._paths.update(changes)
        if len(self._paths) >= STORM:
            self.lose()

    def lose(self) -> None:
        """Something may have been missed."""
        self._paths.clear()
        self._lost = True

    @contextmanager
    def lost_on_error(self) -> Iterator[None]:
        """What was taken is on its way to who needs it: it is not told again."""
        try:
            yield
        except BaseException:
            self.lose()
            raise

    def take(self) -> frozenset[Path] | None:
        """What changed since this was last asked; None: nobody knows. It is given once."""
        offset = _offset(self._clocks)
        if abs(offset - self._offset) > JUMP_S:
            self.lose()
        self._offset = offset
        known = self._watched and not self._lost
        paths = frozenset(self._paths) if known else None
        self._paths.clear()
        self._lost = False
        return paths


def _offset(clocks: Clocks) -> float:
    of_day, running = clocks()
    return of_day - running
