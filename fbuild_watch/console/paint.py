"""Colours that the console adds to a board's line: log levels, and what a regex matches. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fbuild_watch.text.ansi import CSI, RESET, plain
from fbuild_watch.text.patterns import Pattern

_LEVEL = re.compile(r"([EWIDV]) \([\d:. -]+\) |\[ *\d+\]\[([EWIDV])\]\[")
"""`I (312) boot: ...` of ESP-IDF's esp_log.h, `[   312][I][main.cpp:7] ...` of Arduino's."""

_LEVEL_COLOURS = {"E": "\x1b[31m", "W": "\x1b[33m", "I": "\x1b[32m", "D": "\x1b[2m", "V": "\x1b[2m"}

MARKS = ("\x1b[30;43m", "\x1b[30;46m", "\x1b[30;45m", "\x1b[30;42m", "\x1b[37;44m")
"""One for each pattern, again from the first when there are more."""


def by_level(text: str) -> str:
    """A log line in the colour of its level, unless the board coloured it."""
    level = _LEVEL.match(text)
    if not level or "\x1b" in text:
        return text
    return f"{_LEVEL_COLOURS[level[1] or level[2]]}{text}{RESET}"


def highlight(text: str, patterns: Sequence[Pattern]) -> str:
    """`text`, which may have colours, with every match marked; the last pattern wins.

    Raises PatternTooSlow.
    """
    marks = _marks(plain(text), patterns)
    if all(mark is None for mark in marks):
        return text
    out: list[str] = []
    colour, marked = "", None
    at = 0
    for code, chars in _pieces(text):
        colour = "" if code in ("", RESET, "\x1b[m") else colour + code
        out.append(code if marked is None else f"{code}{MARKS[marked]}")
        for char in chars:
            if marks[at] != marked:
                marked = marks[at]
                out.append(f"{RESET}{colour}" if marked is None else MARKS[marked])
            out.append(char)
            at += 1
    return "".join(out).removesuffix(RESET) + RESET


def _marks(text: str, patterns: Sequence[Pattern]) -> list[int | None]:
    """For each character, the number of its mark."""
    marks: list[int | None] = [None] * len(text)
    for number, pattern in enumerate(patterns):
        for start, end in pattern.spans(text):
            marks[start:end] = [number % len(MARKS)] * (end - start)
    return marks


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Each escape sequence (first: none) with the characters that follow it."""
    start, code = 0, ""
    for found in CSI.finditer(text):
        yield code, text[start : found.start()]
        start, code = found.end(), found[0]
    yield code, text[start:]
