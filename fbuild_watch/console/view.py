"""How what was said is shown: which lines, with which times and colours. Pure.

The settings are a person's, changed while lines come; a filter hides lines of the board only, never
what fbuild says. A pattern that takes too long is given up (`text.patterns`).
"""

from __future__ import annotations

from fbuild_watch.console import paint
from fbuild_watch.console.notices import notice_lines
from fbuild_watch.console.scrollback import Kind, Line
from fbuild_watch.console.stamps import Stamper
from fbuild_watch.errors import PatternTooSlow
from fbuild_watch.model import Notice
from fbuild_watch.text.ansi import RESET, only_colours, plain
from fbuild_watch.text.patterns import Pattern

_DIM = "\x1b[2m"
_COLOURS: dict[Kind, str] = {
    "echo": _DIM, "info": "\x1b[36m", "good": "\x1b[32m", "bad": "\x1b[31m",
}  # fmt: skip


class View:
    """The settings, and lines as they are to be drawn."""

    def __init__(self, start: float, epoch: float) -> None:
        """As lines come. `start`, `epoch`: see `stamps.Stamper`."""
        self.stamper = Stamper(start, epoch)
        self.hex = False
        """Rows of bytes in place of the board's text."""
        self.filter: Pattern | None = None
        self.highlights: list[Pattern] = []
        self.given_up: list[PatternTooSlow] = []
        """The highlights that took too long, and are no more."""
        self.colours = True
        """Whether fbuild adds any. What the board coloured, or a person highlights, is coloured anyway."""

    @property
    def hides(self) -> bool:
        """Whether anything may be hidden."""
        return self.hex or self.filter is not None

    @property
    def words(self) -> str:
        """What hides something, for the bottom bar."""
        parts = ["hex"] if self.hex else []
        if self.filter is not None:
            parts.append(f"filter {self.filter.pattern}")
        return " ".join(parts)

    def renew(self) -> None:
        """A frame begins: its patterns have all of their time."""
        for pattern in self.highlights:
            pattern.renew()
        if self.filter is not None:
            self.filter.renew()

    def shows(self, line: Line) -> bool:
        """Whether `line` is to be seen at all. Raises PatternTooSlow, of the filter."""
        if line.kind == "board":
            return not self.hex and (
                self.filter is None or self.filter.span(plain(line.text)) is not None
            )
        return line.kind != "hex" or self.hex

    def draw(self, line: Line) -> str:
        """A line as the terminal gets it, without an ending."""
        text = self._coloured(line)
        stamp = self.stamper.stamp(line.at)
        return f"{self._in(_DIM, stamp)} {text}" if stamp else text

    def notice(self, notice: Notice) -> list[str]:
        """What fbuild says, without a time."""
        return [self._coloured(Line(text, 0.0, notice.kind)) for text in notice_lines(notice)]

    def _coloured(self, line: Line) -> str:
        text = only_colours(line.text)
        if line.kind != "board":
            return self._in(_COLOURS.get(line.kind, ""), text)
        text = paint.by_level(text) if self.colours else text
        return self._highlighted(text) if self.highlights else text

    def _highlighted(self, text: str) -> str:
        try:
            return paint.highlight(text, self.highlights)
        except PatternTooSlow as slow:
            self.given_up.append(slow)
            self.highlights[:] = [one for one in self.highlights if one.pattern != slow.pattern]
            return text

    def _in(self, colour: str, text: str) -> str:
        """`text` in a colour; one that has its own keeps it."""
        return f"{colour}{text}{RESET}" if self.colours and colour and "\x1b" not in text else text
