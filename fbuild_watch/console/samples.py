"""Measurements over time: bounded, thinned out for a drawing, written as CSV. Pure.

A name is a measurement from its second time on, or when it was asked for: much that a board says once
looks like one.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Mapping, Sequence

MOST_SAMPLES = 20_000
MOST_NAMES = 16
"""Curves: more cannot be told apart, and a board may print ever new names."""

MOST_ONCE = 1000
"""Names that may wait for their second time."""

Point = tuple[float, float]


class Samples:
    """The newest lines of numbers, each with its time."""

    def __init__(self, only: Sequence[str] = ()) -> None:
        """`only`: these names, all if there are none."""
        self.names: list[str] = []
        """In the order in which they became measurements."""
        self._only = frozenset(only)
        self._once: set[str] = set()
        self._rows: deque[tuple[float, Mapping[str, float]]] = deque(maxlen=MOST_SAMPLES)

    def add(self, at: float, fields: Mapping[str, float]) -> None:
        """Take the numbers of a line."""
        known = {name: value for name, value in fields.items() if self._takes(name)}
        if known:
            self._rows.append((at, known))

    def _takes(self, name: str) -> bool:
        if name in self.names:
            return True
        if (self._only and name not in self._only) or len(self.names) == MOST_NAMES:
            return False
        if self._only or name in self._once:
            self._once.discard(name)
            self.names.append(name)
            return True
        if len(self._once) < MOST_ONCE:
            self._once.add(name)
        return name in self._once

    def clear(self) -> None:
        """Forget all."""
        self._rows.clear()
        self._once.clear()
        self.names.clear()

    def __len__(self) -> int:
        """The number of lines with numbers."""
        return len(self._rows)

    def curve(self, name: str, seconds: float, most: int) -> list[Point]:
        """The last `seconds` of a name, thinned out to about `most` points; times from the newest."""
        if not self._rows:
            return []
        end = self._rows[-1][0]
        points: list[Point] = []
        for at, values in reversed(self._rows):
            if at < end - seconds:
                break
            if name in values:
                points.append((at - end, values[name]))
        points.reverse()
        return thinned(points, most)

    def as_csv(self) -> str:
        """A header, and a row for each line; seconds from the first one on."""
        out = io.StringIO()
        table = csv.writer(out, lineterminator="\n")
        table.writerow(["seconds", *self.names])
        known = frozenset(self.names)
        rows = [(at, values) for at, values in self._rows if not known.isdisjoint(values)]
        start = rows[0][0] if rows else 0.0
        for at, values in rows:
            table.writerow([f"{at - start:.3f}", *(values.get(name, "") for name in self.names)])
        return out.getvalue()


def thinned(points: list[Point], most: int) -> list[Point]:
    """No more than about `most` points, with the lowest and the highest of each stretch kept."""
    if len(points) <= most:
        return points
    length = -(-2 * len(points) // most)
    kept: list[Point] = []
    for start in range(0, len(points), length):
        stretch = points[start : start + length]
        ends = {min(stretch, key=_value), max(stretch, key=_value)}
        kept += sorted(ends)
    return kept


def _value(point: Point) -> float:
    return point[1]
