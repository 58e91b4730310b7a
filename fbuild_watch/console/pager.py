"""A look back: which lines of what was said stand on the screen, and where a regex matches. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from fbuild_watch.text import patterns
from fbuild_watch.text.patterns import Pattern


class Pager:
    """Lines (without colours), the first row that is shown, and the search."""

    def __init__(self, lines: Sequence[str], rows: int) -> None:
        """At the end, where a person comes from."""
        self.lines = lines
        self.rows = max(1, rows)
        self.top = self.last_top
        self.pattern: Pattern | None = None
        self.matches: dict[int, tuple[int, int]] = {}
        """The numbers of the lines that match, with where the first match begins and ends."""
        self.found: int | None = None
        """Which of them was gone to."""

    @property
    def last_top(self) -> int:
        """The first row when the last line is on the screen."""
        return max(0, len(self.lines) - self.rows)

    def resize(self, rows: int) -> None:
        """The screen has so many rows."""
        self.rows = max(1, rows)
        self.go(self.top)

    def go(self, top: int) -> None:
        """Show the lines from `top` on, as far as there are any."""
        self.top = min(max(0, top), self.last_top)

    def search(self, regex: str) -> None:
        """Go to the newest match on the screen or above it; empty: search for nothing.

        Raises re.error, PatternTooSlow: all is as it was.
        """
        pattern = patterns.compile(regex, "/") if regex else None
        spans = map(pattern.span, self.lines) if pattern else ()
        self.matches = {number: span for number, span in enumerate(spans) if span}
        self.pattern, self.found = pattern, None
        above = [number for number in self.matches if number < self.top + self.rows]
        if self.matches:
            self._go_to(above[-1] if above else min(self.matches))

    def next(self, step: int) -> None:
        """Go to the next match down (1) or up (-1), around the end."""
        if not self.matches:
            return
        numbers = list(self.matches)
        at = numbers.index(self.found) if self.found is not None else 0
        self._go_to(numbers[(at + step) % len(numbers)])

    def _go_to(self, number: int) -> None:
        self.found = number
        if not self.top <= number < self.top + self.rows:
            self.go(number - self.rows // 2)

    @property
    def words(self) -> str:
        """Where this is."""
        shown = f"{min(self.top + self.rows, len(self.lines)):,} of {len(self.lines):,} lines"
        if self.pattern is None:
            return shown
        if self.found is None:
            return f"{shown}, nothing matches {self.pattern.pattern}"
        at = list(self.matches).index(self.found) + 1
        return f"{shown}, match {at:,} of {len(self.matches):,}: {self.pattern.pattern}"
