"""UART0 of a running ESP32-C3, as firmware sees it: two FIFOs of 128 bytes and a rate. Pure.

Rules
- Bytes enter the receive FIFO at the line's rate; what finds it full is lost, as on the chip.
- Bytes leave the transmit FIFO at the line's rate, so firmware that prints waits as it would on
  the chip. They are handed out when they enter it: the line's time is the board's to charge.
"""

from __future__ import annotations

import math

from fbuild_watch.virtual.esp32c3 import UART

FIFO_SIZE = 128
BITS_PER_BYTE = 10
ROM_BAUD = 115200
CRYSTAL_CLOCK = 0x03700000
"""CLK_CONF: clocks on, the crystal as their source, not divided."""


class Uart:
    """Two FIFOs. `now` is the board's time in seconds."""

    def __init__(self, now: float) -> None:
        self.clkdiv = UART.divider_of(ROM_BAUD)
        self.clk_conf = CRYSTAL_CLOCK
        self.output = bytearray()
        """What was sent and not yet taken."""
        self._now = now
        self._fifo = bytearray()
        self._line = bytearray()
        self._line_was_quiet = True
        self._next_arrival = now
        self._sent_at = now

    @property
    def baud(self) -> int:
        """The rate that the registers say."""
        return UART.baud_of(self.clkdiv, self.clk_conf)

    @property
    def byte_time(self) -> float:
        """Seconds that one byte takes on the line."""
        return BITS_PER_BYTE / self.baud

    # --- the line's side ---

    def receive(self, data: bytes) -> None:
        """Bytes begin to arrive, one after the other."""
        self._line += data

    def advance(self, now: float) -> None:
        """Time has passed: what has arrived by now enters the FIFO."""
        self._now = now
        if self._line_was_quiet:
            self._next_arrival = max(self._next_arrival, now)
        arrived = 0
        while arrived < len(self._line) and self._next_arrival <= now:
            arrived += 1
            self._next_arrival += self.byte_time
        self._fifo += self._line[: min(arrived, FIFO_SIZE - len(self._fifo))]
        del self._line[:arrived]
        self._line_was_quiet = not self._line

    @property
    def next_arrival(self) -> float | None:
        """When the next byte of the line will have arrived; None: it is quiet."""
        return self._next_arrival if self._line else None

    # --- the firmware's side ---

    @property
    def received(self) -> int:
        """Bytes in the receive FIFO."""
        return len(self._fifo)

    @property
    def unsent(self) -> int:
        """Bytes in the transmit FIFO."""
        return max(0, math.ceil((self._sent_at - self._now) / self.byte_time - 1e-6))

    @property
    def room_at(self) -> float:
        """When the transmit FIFO has room for a byte."""
        return self._sent_at - (FIFO_SIZE - 1) * self.byte_time

    def read(self) -> int | None:
        """Take a byte from the receive FIFO; None: it is empty."""
        return self._fifo.pop(0) if self._fifo else None

    def write(self, value: int) -> bool:
        """Put a byte into the transmit FIFO; False: it was full and the byte is lost."""
        if self.unsent >= FIFO_SIZE:
            return False
        self.send(bytes((value & 0xFF,)))
        return True

    def send(self, data: bytes) -> None:
        """Send whatever there is, as code that waits for room does; `unsent` may exceed the FIFO."""
        self.output += data
        self._sent_at = max(self._sent_at, self._now) + len(data) * self.byte_time

    @property
    def quiet_at(self) -> float:
        """When all that was written will have been sent."""
        return self._sent_at
