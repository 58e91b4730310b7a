"""What things cost on the real board: a table of seconds and rates, each with its source.

Not a clock: nothing here waits. `REAL` is a devkit with a USB-serial bridge, `FAST` costs nothing.

Rules
- Typical values, not maxima.
- A serial byte is 10 bits on the line: start, 8 data, stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

BITS_PER_BYTE = 10


@dataclass(frozen=True, slots=True)
class Timing:
    """Costs in seconds, rates in bytes a second."""

    sector_erase: float
    block_erase: float
    page_program: float
    digest_rate: float
    """Reading flash and taking its MD5."""
    usb_latency: float
    """From the end of a byte on one side of the USB-serial bridge to the other side, each way."""
    charged: bool
    """Whether serial lines and delays that a command asks for take their time."""

    def wire(self, size: int, baud: int) -> float:
        """Return how long `size` bytes take on the serial line at `baud` bits a second."""
        return size * BITS_PER_BYTE / baud if self.charged else 0.0

    def delay(self, seconds: float) -> float:
        """Return how long a delay takes that a command asks for."""
        return seconds if self.charged else 0.0

    def digest(self, size: int) -> float:
        """Return how long reading (and digesting) `size` bytes of flash takes."""
        return size / self.digest_rate


REAL = Timing(
    # ESP32-S3 datasheet v2.2, table 5-11, typical: sector erase 70 ms, 64 KB block erase
    # 0.3 s, page program 0.8 ms. Espressif's modules take the same NOR parts.
    sector_erase=0.070,
    block_erase=0.300,
    page_program=0.0008,
    # A 2.4 MB image takes about 1 s of `esptool verify-flash` on the device (FACTS.md).
    digest_rate=2.4e6,
    # USB 2.0, 5.1.1: a full-speed bridge is served once in a 1 ms frame.
    usb_latency=0.001,
    charged=True,
)

FAST = Timing(
    sector_erase=0.0,
    block_erase=0.0,
    page_program=0.0,
    digest_rate=inf,
    usb_latency=0.0,
    charged=False,
)
