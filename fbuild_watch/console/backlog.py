"""What waits to be shown: filled by the loop's thread, emptied by the terminal's, bounded.

A terminal may be slower than a board. Then the board's oldest items go and their lines are counted,
so neither memory grows nor typing waits. What fbuild says stays.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from fbuild_watch.model import ConsoleItem, DeviceBytes, DeviceText

LIMIT = 8 << 20
"""Characters and bytes that may wait: about 10 s of a board at 3 Mbaud, as bytes and as text."""

_EACH = 64


class Backlog:
    """Items in, items out. Safe to use from two threads."""

    def __init__(self, limit: int = LIMIT) -> None:
        """Nothing waits."""
        self.wake: Callable[[], None] = lambda: None
        """Called, by whoever adds, when there is something to take."""
        self._limit = limit
        self._lock = Lock()
        self._items: list[ConsoleItem] = []
        self._weight = 0
        self._lost = 0

    def add(self, item: ConsoleItem) -> None:
        """Take an item."""
        with self._lock:
            self._items.append(item)
            self._weight += _weigh(item)
            if self._weight > self._limit:
                self._shed()
        self.wake()

    def take(self) -> tuple[list[ConsoleItem], int]:
        """Everything since the last call, and the number of lines that are missing before it."""
        with self._lock:
            taken = self._items, self._lost
            self._items, self._weight, self._lost = [], 0, 0
            return taken

    def _shed(self) -> None:
        """Let the board's oldest half go; half at a time, so that each item is looked at once or twice."""
        kept: list[ConsoleItem] = []
        for item in self._items:
            if self._weight <= self._limit // 2 or not isinstance(item, DeviceText | DeviceBytes):
                kept.append(item)
                continue
            self._weight -= _weigh(item)
            self._lost += isinstance(item, DeviceText) and item.complete
        self._items = kept


def _weigh(item: ConsoleItem) -> int:
    match item:
        case DeviceText(text=text):
            return _EACH + len(text)
        case DeviceBytes(data=data):
            return _EACH + len(data)
    return 0
