"""What upload tools print, to progress and to what it proves. Pure.

Tools have no common form, but three habits: a percentage, a bar of # or = that grows up to a known
width, and a word with the root "verif" when they have read back what they wrote.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from fbuild_watch.flash.listener import Progress

_PERCENT = re.compile(r"(\d{1,3})(?:\.\d+)? ?%")
_AVRDUDE_BAR = re.compile(r"(\w+) \| (#*)")
_AVRDUDE_WIDTH = 50
_STEPS = {
    "being verified": re.compile(r"verif|reading \|", re.IGNORECASE),
    "being written": re.compile(r"writ|program|download|load|flash", re.IGNORECASE),
    "being erased": re.compile(r"eras", re.IGNORECASE),
}
_VERIFIED = re.compile(
    r"bytes of flash verified"  # avrdude
    r"|verify successful"  # bossac
    r"|written and verified"  # st-flash
    r"|verified ok|verify ok|hash of data verified",  # openocd, picotool and esptool
    re.IGNORECASE,
)
_NO_VERIFY = "-V"
"""avrdude's (and with it every AVR core's) way to leave it out."""


class ToolProgress:
    """Follows a tool's output as it comes, in pieces of any size."""

    def __init__(self) -> None:
        self._line = ""
        self._step = "being uploaded"

    def feed(self, text: str) -> Progress:
        """Where the tool is after these characters: the last line among them that says a share."""
        lines = re.split(r"[\r\n]", self._line + text)
        self._line = lines[-1]
        last = None
        for line in lines:
            self._step = next(
                (step for step, words in _STEPS.items() if words.search(line)), self._step
            )
            share = _share(line)
            last = last if share is None else Progress(self._step, share, 100)
        return last or Progress(self._step)


def _share(line: str) -> int | None:
    """How much of a step a line says is done, in percent; None: it does not say."""
    found = _PERCENT.findall(line)
    if found:
        return min(int(found[-1]), 100)
    bar = _AVRDUDE_BAR.search(line)
    return len(bar[2]) * 100 // _AVRDUDE_WIDTH if bar else None


def proof(argv: Sequence[str], output: str) -> Literal["tool-verified", "tool-exit"]:
    """What the output of a tool that ended well proves."""
    verified = _VERIFIED.search(output) and _NO_VERIFY not in argv
    return "tool-verified" if verified else "tool-exit"
