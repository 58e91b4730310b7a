"""How what was said is shown: which lines, with which times and colours. Pure.

The settings are a person's, changed while lines come; a filter hides lines of the board only, never
what fbuild says.
"""

from __future__ import annotations

import re

from fbuild_watch.console import paint
from fbuild_watch.console.ansi import RESET, only_colours, plain
from fbuild_watch.console.notices import COLOURS
from fbuild_watch.console.scrollback import Line
from fbuild_watch.console.stamps import Stamper


class View:
    """The settings, and lines as they are to be drawn."""

    def __init__(self, start: float, epoch: float) -> None:
        """As lines come, with log levels coloured. `start`, `epoch`: see `stamps.Stamper`."""
        self.stamper = Stamper(start, epoch)
        self.hex = False
        """Rows of bytes in place of the board's text."""
        self.filter: re.Pattern[str] | None = None
        self.highlights: list[re.Pattern[str]] = []
        self.levels = True

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

    def shows(self, line: Line) -> bool:
        """Whether `line` is to be seen at all."""
        if line.kind == "board":
            return not self.hex and (
                self.filter is None or bool(self.filter.search(plain(line.text)))
            )
        return line.kind != "hex" or self.hex

    def draw(self, line: Line) -> str:
        """A line as the terminal gets it, without an ending."""
        text = self._coloured(line)
        stamp = self.stamper.stamp(line.at)
        return f"\x1b[2m{stamp}{RESET} {text}" if stamp else text

    def _coloured(self, line: Line) -> str:
        match line.kind:
            case "board":
                text = only_colours(line.text)
                text = paint.by_level(text) if self.levels else text
                return paint.highlight(text, self.highlights) if self.highlights else text
            case "hex":
                return line.text
            case "echo":
                return f"\x1b[2m{line.text}{RESET}"
            case kind:
                return line.text if "\x1b" in line.text else f"{COLOURS[kind]}{line.text}{RESET}"
