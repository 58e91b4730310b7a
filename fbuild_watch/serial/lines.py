r"""Bytes of a board to lines of text. Pure: bytes and their arrival time in, DeviceText out.

Rules
- UTF-8 is pieced together across reads; a byte that is no UTF-8 is shown as \xNN.
- LF, CR LF, CR CR LF and a lone CR end a line. A CR in the first column moves nothing and is
  dropped, so LF CR is one ending as well.
- CSI escape sequences (colours, cursor) are kept: what becomes of them is the console's choice.
  Tabs are kept. Every other control character is shown as \xNN.
- A line of more than MAX_LINE characters is cut into lines of that length: memory is bounded.
- How the bytes were split into reads changes nothing, except the times. `flush` gives the tail that
  has no newline yet, for a prompt like `>>> `; when to call it is the caller's choice.
"""

from __future__ import annotations

import codecs
import re

from fbuild_watch.model import DeviceText

MAX_LINE = 4096

_CSI = r"\x1b\[[0-?]{0,32}[ -/]{0,4}[@-~]"
_CONTROL = re.compile(rf"({_CSI})|[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_OPEN_CSI = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,4})?\Z")
_ENDS = re.compile(r"\r?\n|\r")


class LineAssembler:
    """The line that is being received."""

    def __init__(self) -> None:
        """Nothing received yet."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._tail = ""
        self._at = 0.0
        self._shown = 0
        self._after_cr = False

    @property
    def pending(self) -> bool:
        """Whether `flush` would give something."""
        return bool(self._ready())

    @property
    def pending_since(self) -> float:
        """When the first byte arrived of what `flush` would give."""
        return self._at

    def feed(self, data: bytes, at: float) -> list[DeviceText]:
        """Take bytes that arrived at `at`; give the lines that they complete."""
        return self._take(self._decoder.decode(data), at)

    def flush(self) -> DeviceText | None:
        """The part of the line that nobody has seen yet, without waiting for its end.

        An escape sequence or UTF-8 character that is still arriving is held back.
        """
        ready = self._ready()
        if not ready:
            return None
        self._tail = self._tail[len(ready) :]
        self._shown += len(ready)
        return DeviceText(_visible(ready), complete=False, at=self._at)

    def finish(self) -> list[DeviceText]:
        """Everything that is left, at the end of the stream."""
        lines = self._take(self._decoder.decode(b"", final=True), self._at)
        if self._tail:
            lines.append(DeviceText(_visible(self._tail), complete=False, at=self._at))
        self._tail = ""
        return lines

    def _take(self, text: str, at: float) -> list[DeviceText]:
        lines: list[DeviceText] = []
        start = 0
        for end in _ENDS.finditer(text):
            self._append(text[start : end.start()], at, lines)
            self._end(end[0][-1], at, lines)
            start = end.end()
        self._append(text[start:], at, lines)
        return lines

    def _append(self, text: str, at: float, lines: list[DeviceText]) -> None:
        if not text:
            return
        self._after_cr = False
        if not self._tail:
            self._at = at
        self._tail += text
        while self._shown + len(self._tail) > MAX_LINE:
            self._cut(MAX_LINE - self._shown, lines)

    def _end(self, mark: str, at: float, lines: list[DeviceText]) -> None:
        if mark == "\n" and self._after_cr:
            self._after_cr = False
        elif mark == "\n" or self._tail or self._shown:
            self._after_cr = mark == "\r"
            if not self._tail:
                self._at = at
            self._cut(len(self._tail), lines)

    def _cut(self, length: int, lines: list[DeviceText]) -> None:
        lines.append(DeviceText(_visible(self._tail[:length]), complete=True, at=self._at))
        self._tail = self._tail[length:]
        self._shown = 0

    def _ready(self) -> str:
        unfinished = _OPEN_CSI.search(self._tail)
        return self._tail[: unfinished.start()] if unfinished else self._tail


def _visible(text: str) -> str:
    if text.isprintable():  # most are, and to see that is quick
        return text
    return _CONTROL.sub(lambda match: match[1] or f"\\x{ord(match[0]):02x}", text)
