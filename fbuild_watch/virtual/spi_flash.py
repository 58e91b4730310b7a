"""The NOR flash with its cost: every operation says when it is done.

Not a loader: it neither knows packets nor decides what is erased when.

Rules
- An erase runs by itself in the flash: `start_erase` returns when it has begun, and the next
  operation waits for its end. Programming and reading keep the CPU until they are done.
- All times are the board's clock in seconds; nothing here sleeps.
"""

from __future__ import annotations

import hashlib

from fbuild_watch.virtual.nor import BLOCK, Nor, erase_units, pages
from fbuild_watch.virtual.timing import Timing


class SpiFlash:
    """A `Nor` and the time at which its running erase ends."""

    def __init__(self, nor: Nor, timing: Timing) -> None:
        self.nor = nor
        self._timing = timing
        self._ready = 0.0

    def start_erase(self, address: int, unit: int, at: float) -> float:
        """Begin to erase a sector or block; returns when it began. Raises OutOfRange."""
        begun = self.wait_ready(at)
        self.nor.erase(address, unit)
        cost = self._timing.block_erase if unit == BLOCK else self._timing.sector_erase
        self._ready = begun + cost
        return begun

    def erase(self, address: int, size: int, at: float) -> float:
        """Erase every sector of a range; returns when it is done. Raises OutOfRange."""
        self.nor.read(address, size)
        for start, unit in erase_units(address, size):
            at = self.start_erase(start, unit, at)
        return self.wait_ready(at)

    def program(self, address: int, data: bytes, at: float) -> float:
        """Program bytes page by page; returns when it is done. Raises OutOfRange."""
        self.nor.program(address, data)
        return self.wait_ready(at) + pages(address, len(data)) * self._timing.page_program

    def read(self, address: int, size: int, at: float) -> tuple[bytes, float]:
        """Return bytes and when they are read. Raises OutOfRange."""
        return self.nor.read(address, size), self.wait_ready(at) + self._timing.digest(size)

    def digest(self, address: int, size: int, at: float) -> tuple[bytes, float]:
        """Return the 16 bytes of a range's MD5 and when they are known. Raises OutOfRange."""
        data, done = self.read(address, size, at)
        return hashlib.md5(data, usedforsecurity=False).digest(), done

    def wait_ready(self, at: float) -> float:
        """Return when the flash takes the next operation, at `at` or later."""
        return max(at, self._ready)

    def power_off(self) -> None:
        """Reset: a running erase is over (what it would have erased is erased)."""
        self._ready = 0.0
