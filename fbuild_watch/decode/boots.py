"""Resets, boot loops and download mode, in the text of a board. Pure: times come with the lines.

Rules
- What needs nobody is not said: power on, the reset line, the host; the restart after a panic.
- A loop is LOOP resets within LOOP_S seconds. It is said then, and each time their number doubles.
- A watchdog's reset with `Saved PC:` is a crash: the place where the CPU was is decoded.
"""

from __future__ import annotations

import re
from collections import deque

from fbuild_watch.decode.crash import Crash
from fbuild_watch.decode.resets import ADVICE, Reset, reset_in
from fbuild_watch.model import Notice

LOOP = 5
LOOP_S = 10.0
_AGAIN_S = 30.0
"""So long the same thing about the board's state is not said again."""

_HINT = re.compile("rst|PC:|download|invalid header|ebooting|rownout|flash read err|called")
_SAVED_PC = re.compile(r"^Saved PC:(0x[0-9a-fA-F]{8})\b")
_NO_FIRMWARE = re.compile(r"invalid header: 0xf{8}\b|flash read err, 1000\b")
_PANIC = re.compile(r"^Rebooting\.\.\.|abort\(\) was called")
_SILENT = ("power", "host")
_ORDINARY = ("software", "sleep")


class Boots:
    """What is known of a board's resets."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._times: deque[float] = deque(maxlen=LOOP)
        self._count = 0
        self._say_at = LOOP
        self._reset: Reset | None = None
        self._before = ""
        self._said: dict[str, float] = {}

    def feed(self, line: str, at: float) -> list[Notice | Crash]:
        """Take a line that arrived at `at`; give what is to be said of it."""
        if not _HINT.search(line):
            return []
        line = line[:400]
        if reset := reset_in(line):
            return self._see_reset(reset, at)
        if match := _SAVED_PC.match(line):
            return self._see_saved_pc(int(match[1], 16))
        if "waiting for download" in line:
            return self._once("download", _DOWNLOAD, at)
        if _NO_FIRMWARE.search(line):
            self._before = "empty"
            return self._once("empty", _EMPTY, at)
        if _PANIC.search(line):
            self._before = "panic"
        elif "Brownout detector was triggered" in line:
            self._before = "brown-out"
        return []

    def forget(self) -> None:
        """What comes next was restarted by us: those resets are none of a loop's."""
        self._times.clear()
        self._count, self._say_at = 0, LOOP

    def _once(self, what: str, notice: Notice, at: float) -> list[Notice | Crash]:
        last = self._said.get(what)
        self._said[what] = at
        return [notice] if last is None or at - last > _AGAIN_S else []

    def _see_reset(self, reset: Reset, at: float) -> list[Notice | Crash]:
        cause = reset.kind
        why = self._before if self._before and cause in ("software", "power", "other") else cause
        self._before, self._reset = "", reset
        found: list[Notice | Crash] = []
        if why == cause and cause not in _SILENT and reset.words:
            text = f"reset: {reset.words}"
            found.append(Notice(text, "info" if cause in _ORDINARY else "bad"))
        return found + self._count_reset(why, at)

    def _count_reset(self, why: str, at: float) -> list[Notice | Crash]:
        """Say so when it is a loop. Deep sleep is meant to be one."""
        if why == "sleep":
            return []
        if self._times and at - self._times[-1] > LOOP_S:
            self.forget()
        self._times.append(at)
        self._count += 1
        span = at - self._times[0]
        if self._count < self._say_at or len(self._times) < LOOP or span > LOOP_S:
            return []
        self._say_at = 2 * self._count
        return [_loop(why, self._count, span)]

    def _see_saved_pc(self, pc: int) -> list[Notice | Crash]:
        """Of a watchdog's reset. After others it tells of the restart itself."""
        reset, self._reset = self._reset, None
        if reset is None or reset.kind != "watchdog":
            return []
        return [Crash(f"watchdog reset ({reset.name})", frames=(pc,))]


def _loop(why: str, count: int, span: float) -> Notice:
    name = why if why in ADVICE else "unknown reason"
    times = f"rebooted {count} times" + (f" in {span:.0f} s" if count == LOOP else " in a row")
    advice = ADVICE.get(why, "")
    return Notice(f"{times}: {name}" + (f"\n  {advice}" if advice else ""), "bad")


_DOWNLOAD = Notice(
    "the board is in download mode: it waits to be flashed and runs nothing\n"
    "  to start its firmware, let go of BOOT and press its reset button (or Ctrl-T r)",
    "bad",
)
_EMPTY = Notice("the board's flash holds no firmware where it boots from: flash it", "bad")
