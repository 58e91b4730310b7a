"""The RAM of an ESP32-C3: which addresses there are, and the bytes behind them.

Source: ESP32-C3 technical reference manual, "System and Memory". SRAM1 is one memory on two
buses: an address of the data bus and the one 0x700000 above it name the same byte.

Rules
- The bytes live in a buffer of the host that the CPU emulator works on directly: both buses are
  mapped onto it, so neither has to be kept in step with the other.
- SRAM0 is the instruction cache's; without the cache it is plain memory of the instruction bus.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

SRAM0_SIZE, SRAM1_SIZE, RTC_SIZE = 0x4000, 0x60000, 0x2000
IRAM = 0x4037C000
DRAM = 0x3FC80000
RTC_RAM = 0x50000000


@dataclass(frozen=True, slots=True)
class Window:
    """A range of addresses and where its first byte lies in the buffer."""

    base: int
    size: int
    offset: int
    executable: bool

    def holds(self, address: int, size: int) -> bool:
        """Whether all of a range lies in the window."""
        return self.base <= address and address + size <= self.base + self.size


WINDOWS = (
    Window(IRAM, SRAM0_SIZE + SRAM1_SIZE, 0, executable=True),
    Window(DRAM, SRAM1_SIZE, SRAM0_SIZE, executable=False),
    Window(RTC_RAM, RTC_SIZE, SRAM0_SIZE + SRAM1_SIZE, executable=True),
)


class Memory:
    """All RAM of the chip, zero at first."""

    def __init__(self) -> None:
        self._buffer = ctypes.create_string_buffer(SRAM0_SIZE + SRAM1_SIZE + RTC_SIZE)
        self._bytes = memoryview(self._buffer).cast("B")

    def clear(self) -> None:
        """Forget everything, as without power."""
        ctypes.memset(self._buffer, 0, len(self._bytes))

    def pointer(self, window: Window) -> int:
        """The host's address of a window's first byte; valid as long as this object lives."""
        return ctypes.addressof(self._buffer) + window.offset

    def read(self, address: int, size: int) -> bytes | None:
        """Read bytes; None: not all of them are RAM."""
        at = _offset(address, size)
        return None if at is None else bytes(self._bytes[at : at + size])

    def write(self, address: int, data: bytes) -> bool:
        """Write bytes; False: not all of them would be in RAM, and none was written."""
        at = _offset(address, len(data))
        if at is None:
            return False
        self._bytes[at : at + len(data)] = data
        return True

    def read_word(self, address: int) -> int | None:
        """Read a 32-bit word; None: it is not RAM."""
        data = self.read(address, 4)
        return None if data is None else int.from_bytes(data, "little")


def _offset(address: int, size: int) -> int | None:
    for window in WINDOWS:
        if window.holds(address, size):
            return address - window.base + window.offset
    return None
