"""What was said, kept for a while: pieces of text become lines, and the newest lines stay. Pure.

Bounded by lines and by characters. What a filter hides is here as well, so that it can be given
back. Lines are numbered from the first one on, and keep their number when older ones go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from fbuild_watch.model import DeviceText, Notice

MOST_LINES = 20_000
MOST_CHARS = 4 << 20

Kind = Literal["board", "hex", "echo", "info", "good", "bad"]
"""Who said it: the board (as text, or as rows of bytes), a person, or fbuild."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line, with the escape sequences that came in it."""

    text: str
    at: float
    """When it began (seconds of the clock of `DeviceText.at`)."""
    kind: Kind = "board"


class Scrollback:
    """The newest lines, and the one that is not complete."""

    def __init__(self, most_lines: int = MOST_LINES, most_chars: int = MOST_CHARS) -> None:
        """Empty."""
        self.tail = Line("", 0.0)
        """The board's line that goes on; empty when there is none."""
        self.end = 0
        """The number that the next line gets."""
        self._lines: deque[Line] = deque()
        self._most_lines = most_lines
        self._most_chars = most_chars
        self._chars = 0

    def hear(self, piece: DeviceText) -> None:
        """Take what the board said."""
        at = self.tail.at if self.tail.text else piece.at
        line = Line(self.tail.text + piece.text, at)
        if piece.complete:
            self.add(line)
            line = Line("", 0.0)
        self.tail = line

    def tell(self, notice: Notice, lines: Iterable[str], at: float) -> None:
        """Take what fbuild says, in these lines."""
        for text in lines:
            self.add(Line(text, at, notice.kind))

    def add(self, line: Line) -> None:
        """Take a whole line; the oldest go if need be."""
        self._lines.append(line)
        self._chars += len(line.text)
        self.end += 1
        while len(self._lines) > self._most_lines or self._chars > self._most_chars:
            self._chars -= len(self._lines.popleft().text)

    def clear(self) -> None:
        """Forget all whole lines."""
        self._lines.clear()
        self._chars = 0

    @property
    def start(self) -> int:
        """The number of the oldest line that is kept."""
        return self.end - len(self._lines)

    def since(self, number: int) -> list[Line]:
        """The lines from `number` on, as far as they are kept."""
        return self.last(max(0, self.end - number))

    def last(self, count: int) -> list[Line]:
        """The newest lines, as many as there are."""
        newest = list(islice(reversed(self._lines), count))
        newest.reverse()
        return newest
