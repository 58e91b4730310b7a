"""Bytes to frames: one JSON text a line. Pure.

Rules
- A frame ends with a newline; a carriage return before it, and empty lines, are skipped.
- A frame longer than the limit is refused as soon as it is too long, so memory stays bounded:
  nothing after it can be trusted, the connection ends.
"""

from __future__ import annotations

from fbuild_watch.errors import InvalidRequest

LIMIT = 1 << 20
"""Bytes of one frame. Diagnostics of a broken build, the largest thing sent, are far below."""

HELLO_LIMIT = 4096
"""Bytes of the first frame, which is from somebody who has not said who it is."""

INVALID_REQUEST = -32600


class FrameReader:
    """Collects what arrives; gives whole frames, without their ends."""

    def __init__(self, limit: int = LIMIT, *, first: int | None = None) -> None:
        """`first`: how long the first frame may be, if that is another limit."""
        self._later = limit
        self._limit = limit if first is None else first
        self._rest = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes. Raises InvalidRequest for one beyond the limit."""
        self._rest += data
        frames: list[bytes] = []
        start = 0
        while (end := self._rest.find(b"\n", max(start, self._searched))) >= 0:
            frame = bytes(self._rest[start:end]).strip(b"\r\n\t ")
            start = end + 1
            self._check(len(frame))
            if frame:
                frames.append(frame)
                self._limit = self._later
        del self._rest[:start]
        self._searched = len(self._rest)
        self._check(len(self._rest))
        return frames

    @property
    def pending(self) -> int:
        """Bytes of a frame that has no end yet."""
        return len(self._rest)

    def _check(self, size: int) -> None:
        if size > self._limit:
            self._rest.clear()
            raise InvalidRequest(f"a frame is longer than {self._limit} bytes", INVALID_REQUEST)
