"""What is to be drawn next: filled by the loop's thread, emptied by the terminal's, bounded.

A terminal may be slower than a board. Then the newest lines are shown and the number of the others
is said, so neither memory grows nor typing waits.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Lock

from fbuild_watch.console.ansi import only_colours
from fbuild_watch.console.notices import coloured_lines
from fbuild_watch.model import ConsoleItem, DeviceText, Notice, Status

MOST_LINES = 1000
"""Lines that one frame draws at most: more than any screen, and some ms of a terminal's time."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Whole lines for the scrollback, the line that goes on, and the status."""

    lines: list[str]
    tail: str
    status: str


class Backlog:
    """Items in, frames out. Safe to use from two threads."""

    def __init__(self) -> None:
        """Nothing to draw."""
        self._lock = Lock()
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        self._skipped = 0
        self._tail = ""
        self._status = ""

    def add(self, item: ConsoleItem) -> None:
        """Take an item."""
        with self._lock:
            if isinstance(item, DeviceText):
                self._tail += item.text
                if item.complete:
                    self._add_line(only_colours(self._tail))
                    self._tail = ""
            elif isinstance(item, Notice):
                for line in coloured_lines(item):
                    self._add_line(line)
            elif isinstance(item, Status):
                self._status = item.text

    def take(self) -> Frame:
        """Everything since the last call."""
        with self._lock:
            lines = list(self._lines)
            if self._skipped:
                skipped = Notice(f"{self._skipped:,} lines came too fast and are not shown")
                lines[:0] = coloured_lines(skipped)
            self._lines.clear()
            self._skipped = 0
            return Frame(lines, only_colours(self._tail), self._status)

    def _add_line(self, line: str) -> None:
        self._skipped += len(self._lines) == MOST_LINES
        self._lines.append(line)
