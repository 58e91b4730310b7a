"""How fbuild's own words look among the board's. Pure."""

from __future__ import annotations

from fbuild_watch.console.ansi import RESET
from fbuild_watch.model import Notice

COLOURS = {"info": "\x1b[36m", "good": "\x1b[32m", "bad": "\x1b[31m"}


def notice_lines(notice: Notice) -> list[str]:
    """One line is marked (`-- flashed --`); several, such as a compiler's, stay as they are."""
    lines = notice.text.splitlines()
    return [f"-- {notice.text} --"] if len(lines) == 1 else lines


def coloured_lines(notice: Notice) -> list[str]:
    """The same in the colour of its kind. A line with colours of its own keeps them."""
    colour = COLOURS[notice.kind]
    return [line if "\x1b" in line else f"{colour}{line}{RESET}" for line in notice_lines(notice)]
