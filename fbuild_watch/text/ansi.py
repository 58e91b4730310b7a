"""Escape sequences and control characters in text that goes to a terminal. Pure.

Of a board's text `serial.lines` has kept CSI sequences and tabs only.
"""

from __future__ import annotations

import re

_SEQUENCE = r"\x1b\[[0-?]*[ -/]*"
"""A CSI sequence, up to the letter that says what it does."""
CSI = re.compile(rf"{_SEQUENCE}([@-~])")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_CSI_OR_CONTROL = re.compile(f"{CSI.pattern}|{_CONTROL.pattern}")
_CSI_OR_TAB = re.compile(rf"({_SEQUENCE}[@-~]|\t)")

RESET = "\x1b[0m"

_TAB_STOP = 8


def plain(text: str) -> str:
    """`text` without colours and other escape sequences."""
    return CSI.sub("", text) if "\x1b" in text else text  # most have none, and to see that is quick


def only_colours(text: str) -> str:
    """`text` with its colours and tabs, and nothing else that a terminal acts on.

    What moves the cursor or erases is left out: a board that writes for a whole screen must not draw
    over the line that is being typed. What was coloured ends with the text.
    """
    if text.isprintable():  # most are, and to see that is quick
        return text
    kept = _CSI_OR_CONTROL.sub(_only_colour, text)
    return kept + RESET if "\x1b" in kept and not kept.endswith(RESET) else kept


def _only_colour(match: re.Match[str]) -> str:
    if match[1] is None:
        return _as_hex(match)
    return match[0] if match[1] == "m" else ""


def visible(text: str) -> str:
    r"""`text` with its control characters as \xNN, but for tabs: none of them acts."""
    return _CONTROL.sub(_as_hex, text)


def _as_hex(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]):02x}"


def without_tabs(text: str) -> str:
    """`text`, whose escape sequences take no room, with blanks up to the next multiple of 8."""
    out, column = "", 0
    for part in _CSI_OR_TAB.split(text):
        shown = " " * (_TAB_STOP - column % _TAB_STOP) if part == "\t" else part
        column += 0 if part.startswith("\x1b") else len(shown)
        out += shown
    return out


def without_start(text: str, count: int) -> str:
    """`text` without its first `count` characters; what coloured them colours the rest."""
    out = ""
    for part in _CSI_OR_TAB.split(text):
        if part.startswith("\x1b"):
            out += part
        else:
            out += part[count:]
            count = max(0, count - len(part))
    return out
