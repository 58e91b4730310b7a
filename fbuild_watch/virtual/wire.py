"""One direction of the serial line, between the host's side of the USB bridge and the UART.

Not a UART: what is heard at a wrong baud rate is the board's decision.

Rules
- Bytes leave one after the other at the sender's baud rate and keep their order.
- What is sent is delivered in pieces, each when its last byte has crossed the line.
- Time comes in as an argument and never runs backwards.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from fbuild_watch.virtual.timing import Timing

PIECE = 64
"""Bytes delivered at once: a full-speed USB bulk packet."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that arrive at `due`, sent at `baud`."""

    due: float
    data: bytes = field(repr=False)
    baud: int


class Wire:
    """Bytes in with the time they are sent, pieces out when they have arrived."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._pieces: deque[Piece] = deque()
        self._free = 0.0

    @property
    def due(self) -> float | None:
        """When the next piece arrives; None: the line is silent."""
        return self._pieces[0].due if self._pieces else None

    def send(self, data: bytes, now: float, baud: int) -> None:
        """Put bytes on the line, behind those that are on it."""
        size = PIECE if self._timing.charged else max(len(data), 1)
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            self._free = max(self._free, now) + self._timing.wire(len(piece), baud)
            self._pieces.append(Piece(self._free + self._timing.usb_latency, piece, baud))

    def take(self, now: float) -> Piece | None:
        """Remove and return the next piece that has arrived."""
        if self._pieces and self._pieces[0].due <= now:
            return self._pieces.popleft()
        return None

    def clear(self) -> None:
        """Drop what has not arrived."""
        self._pieces.clear()
        self._free = 0.0
