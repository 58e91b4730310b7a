"""One sender, any number of readers, none of whom can slow the sender down. Pure but for waking.

A reader that falls behind loses the oldest of what waits for it, and is told how much. What waits
is bounded by weight, so that a reader who never reads costs a known amount of memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

LIMIT = 1 << 20
"""Weight that may wait for one reader."""

KEPT = 1 << 18
"""Weight that is kept for those who come later."""


class _Bounded(Generic[T]):
    """The newest items, up to a weight."""

    def __init__(self, limit: int, weigh: Callable[[T], int]) -> None:
        self.items: deque[T] = deque()
        self._limit = limit
        self._weigh = weigh
        self._weight = 0

    def add(self, item: T) -> int:
        """Add the newest; how many of the oldest had to go."""
        self.items.append(item)
        self._weight += self._weigh(item)
        gone = 0
        while self._weight > self._limit and len(self.items) > 1:
            self._weight -= self._weigh(self.items.popleft())
            gone += 1
        return gone

    def take(self) -> T:
        """The oldest."""
        item = self.items.popleft()
        self._weight -= self._weigh(item)
        return item


class Subscription(Generic[T]):
    """What waits for one reader. `wake` is called, at once, when there is something to take."""

    def __init__(self, weigh: Callable[[T], int], limit: int = LIMIT) -> None:
        self.wake: Callable[[], None] = lambda: None
        self.ended = False
        self.error: BaseException | None = None
        self._waiting = _Bounded(limit, weigh)
        self._lost = 0

    def put(self, item: T) -> None:
        """Never waits."""
        self._lost += self._waiting.add(item)
        self.wake()

    def end(self, error: BaseException | None = None) -> None:
        """Nothing will come after what waits already."""
        self.ended, self.error = True, error
        self.wake()

    def take(self) -> tuple[int, T] | None:
        """The oldest item, and how many were lost before it; None: nothing waits."""
        if not self._waiting.items:
            return None
        lost, self._lost = self._lost, 0
        return lost, self._waiting.take()


class Fanout(Generic[T]):
    """The sender's end."""

    def __init__(self, weigh: Callable[[T], int], *, kept: int = KEPT) -> None:
        self._weigh = weigh
        self._kept = _Bounded(kept, weigh)
        self._readers: set[Subscription[T]] = set()

    def send(self, item: T, *, keep: bool = True) -> None:
        """To every reader, and, if `keep`, to those who come later. Never waits."""
        if keep:
            self._kept.add(item)
        for reader in self._readers:
            reader.put(item)

    def subscribe(self, *, backlog: int = 0, limit: int = LIMIT) -> Subscription[T]:
        """A new reader, which gets up to `backlog` of the last items first."""
        reader = Subscription(self._weigh, limit)
        start = max(0, len(self._kept.items) - backlog)
        for index in range(start, len(self._kept.items)):
            reader.put(self._kept.items[index])
        self._readers.add(reader)
        return reader

    def drop(self, reader: Subscription[T]) -> None:
        """A reader that reads no more; again: does nothing."""
        self._readers.discard(reader)

    def end(self, error: BaseException | None = None) -> None:
        """Tell every reader that this was all."""
        for reader in self._readers:
            reader.end(error)
        self._readers.clear()
