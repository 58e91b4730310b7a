"""How fbuild's own words look among the board's. Pure."""

from __future__ import annotations

from fbuild_watch.model import Notice


def notice_lines(notice: Notice) -> list[str]:
    """One line is marked (`-- flashed --`); several, such as a compiler's, stay as they are."""
    lines = notice.text.splitlines()
    return [f"-- {notice.text} --"] if len(lines) == 1 else lines
