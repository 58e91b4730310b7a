"""Escape sequences in a board's text (`serial.lines` keeps CSI ones only). Pure."""

from __future__ import annotations

import re

CSI = re.compile(r"\x1b\[[0-?]*[ -/]*([@-~])")

RESET = "\x1b[0m"


def plain(text: str) -> str:
    """`text` without escape sequences."""
    return CSI.sub("", text)


def only_colours(text: str) -> str:
    """`text` with its colours and without what moves the cursor or erases.

    A board that writes for a whole screen must not draw over the line that is being typed. What it
    coloured ends with the text.
    """
    kept = CSI.sub(lambda match: match[0] if match[1] == "m" else "", text)
    return kept + RESET if "\x1b" in kept and not kept.endswith(RESET) else kept
