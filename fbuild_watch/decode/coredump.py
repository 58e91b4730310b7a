"""Core dumps over the UART, as ESP-IDF prints them: base64 between two marks. Pure, bounded.

Source: ESP-IDF, "Core Dump", the section on UART. What the text holds is esp-coredump's business.
"""

from __future__ import annotations

import re

from fbuild_watch.decode.crash import CoreDump

LARGEST = 4 << 20
"""Characters: 3 MB of dump, six times the memory of the largest chip without PSRAM."""

_START = "= CORE DUMP START ="
_END = "= CORE DUMP END ="
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


class CoreDumps:
    """The dump that is being received."""

    def __init__(self) -> None:
        """None yet."""
        self._lines: list[str] | None = None
        self._size = 0

    def feed(self, line: str) -> list[CoreDump]:
        """Take a line; give the dump that it ends. Lines between that are no base64 are dropped."""
        if _START in line:
            self._lines, self._size = [], 0
        elif self._lines is None:
            return []
        elif _END in line:
            lines, self._lines = self._lines, None
            return [CoreDump("\n".join(lines) + "\n")] if lines else []
        elif _BASE64.fullmatch(text := line.strip()):
            self._lines.append(text)
            self._size += len(text)
            if self._size > LARGEST:
                self._lines = None
        return []
