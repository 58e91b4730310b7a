"""The times of lines, in words of a fixed width. Pure: clocks come in as arguments."""

from __future__ import annotations

import time
from typing import Literal

Mode = Literal["off", "absolute", "relative", "delta"]
MODES: tuple[Mode, ...] = ("off", "absolute", "relative", "delta")


class Stamper:
    """Writes the time in front of lines, in the order in which they are shown."""

    def __init__(self, start: float, epoch: float) -> None:
        """`start`: what relative times count from; `epoch`: what makes a line's time a time of day."""
        self.mode: Mode = "off"
        self._start = start
        self._epoch = epoch
        self._before: float | None = None

    def stamp(self, at: float) -> str:
        """The words for a line that began `at`; empty while times are off."""
        before, self._before = self._before, at
        match self.mode:
            case "absolute":
                return time_of_day(at + self._epoch)
            case "relative":
                return f"{at - self._start:11.3f}"
            case "delta":
                return f"{at - before if before is not None else 0.0:+9.3f}"
        return ""


def time_of_day(seconds: float) -> str:
    """Seconds since the epoch as the local time of day, to the millisecond."""
    milliseconds = round(seconds * 1000)
    now = time.localtime(milliseconds // 1000)
    return f"{time.strftime('%H:%M:%S', now)}.{milliseconds % 1000:03}"


def after(mode: Mode) -> Mode:
    """The next mode, for a key that goes through all of them."""
    return MODES[(MODES.index(mode) + 1) % len(MODES)]
