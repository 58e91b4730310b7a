"""NOR flash as the chip has it: erase sets bits, programming clears them.

Not a file and not a clock: the memory is any mutable buffer (`flash_file` brings a mapped
file), what an operation costs is `timing`'s and `spi_flash`'s business.

Rules
- Erasing sets whole, aligned sectors (4 KB) or blocks (64 KB) to 0xFF.
- Programming can only clear bits: the result is old AND new.
- An access that leaves the memory raises `OutOfRange` and changes nothing.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator

SECTOR = 4096
BLOCK = 65536
PAGE = 256
DEFAULT_SIZE = 4 * 1024 * 1024


class OutOfRange(ValueError):
    """The access leaves the flash."""


class Nor:
    """The flash memory, over a buffer whose length is a multiple of a block."""

    def __init__(self, memory: bytearray | mmap.mmap) -> None:
        if not memory or len(memory) % BLOCK:
            raise ValueError(f"a flash of {len(memory)} bytes: not a multiple of {BLOCK}")
        self._memory = memory
        self.size = len(memory)

    def read(self, address: int, size: int) -> bytes:
        """Return `size` bytes from `address`; raises OutOfRange."""
        self._check(address, size)
        return bytes(self._memory[address : address + size])

    def program(self, address: int, data: bytes) -> None:
        """Clear the bits that are 0 in `data`; raises OutOfRange."""
        old = self.read(address, len(data))
        new = int.from_bytes(old, "little") & int.from_bytes(data, "little")
        self._memory[address : address + len(data)] = new.to_bytes(len(data), "little")

    def erase(self, address: int, unit: int) -> None:
        """Erase the sector or block (`unit` bytes) that starts at `address`.

        Raises ValueError for another unit or an address that is no multiple of it, and
        OutOfRange.
        """
        if unit not in (SECTOR, BLOCK) or address % unit:
            raise ValueError(f"cannot erase {unit} bytes at {address:#x}")
        self._check(address, unit)
        self._memory[address : address + unit] = b"\xff" * unit

    def _check(self, address: int, size: int) -> None:
        if address < 0 or size < 0 or address + size > self.size:
            raise OutOfRange(f"{size} bytes at {address:#x} leave a flash of {self.size:#x} bytes")


def erase_units(address: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield (address, unit) of the erases that cover a range, blocks wherever they fit.

    The range is widened to whole sectors, as the loaders do it.
    """
    here = address - address % SECTOR
    end = address + size
    while here < end:
        unit = BLOCK if here % BLOCK == 0 and end - here > BLOCK - SECTOR else SECTOR
        yield here, unit
        here += unit


def pages(address: int, size: int) -> int:
    """Return the number of pages that a write of `size` bytes at `address` touches."""
    return (address + size - 1) // PAGE - address // PAGE + 1 if size else 0
