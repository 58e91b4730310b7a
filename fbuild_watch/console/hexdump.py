"""Bytes as rows of hex, as `hexdump -C` writes them. Pure: bytes and times in, rows out.

A row ends when it is full, and after a pause of the board: what came together stands together.
"""

from __future__ import annotations

from fbuild_watch.console.scrollback import Line

ROW = 16
PAUSE_S = 0.1
"""Silence after which a new row begins: longer than the gaps within a burst at 9600 baud."""


class HexDump:
    """The row that is being filled."""

    def __init__(self) -> None:
        """At offset 0."""
        self._row = b""
        self._offset = 0
        self._began = self._last = 0.0

    def feed(self, data: bytes, at: float) -> list[Line]:
        """Take bytes that arrived at `at`; give the rows that they end."""
        rows = self.end() if at - self._last > PAUSE_S else []
        self._last = at
        while data:
            if not self._row:
                self._began = at
            room = ROW - len(self._row)
            self._row, data = self._row + data[:room], data[room:]
            if len(self._row) == ROW:
                rows += self.end()
        return rows

    def end(self) -> list[Line]:
        """End the row, if there is one."""
        if not self._row:
            return []
        line = self.tail
        self._offset += len(self._row)
        self._row = b""
        return [line]

    @property
    def tail(self) -> Line:
        """The row as it is; empty when there is none."""
        text = row_text(self._offset, self._row) if self._row else ""
        return Line(text, self._began, "hex")


def row_text(offset: int, data: bytes) -> str:
    """Up to ROW bytes."""
    halves = f"{data[:8].hex(' '):23}  {data[8:].hex(' '):23}"
    shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)
    return f"{offset:08x}  {halves}  |{shown}|"
