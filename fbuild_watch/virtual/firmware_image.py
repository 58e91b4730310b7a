"""The layout of a firmware image in flash, as the mask ROMs walk through it. Pure.

Source: esptool docs, "Firmware Image Format". A header, then segments (load address, length,
data), then padding up to the last byte of a 16-byte block, which is the XOR of all data.
Not a judge: what a ROM prints and does about a bad image is `bootrom*.py`'s business.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from operator import xor

ReadFlash = Callable[[int, int], bytes]
"""(offset, length) -> bytes; fewer where the flash ends."""

MAGIC = 0xE9
MAX_SEGMENTS = 16
CHECKSUM_SEED = 0xEF

HEADER = struct.Struct("<BBBBIB3xH9xB")
"""ESP32 and later: magic, segments, mode, size and speed, entry, WP pin, chip, whether a SHA-256
of all of it follows. The ESP8266's ends after the entry."""

INVALID_HEADER_LINES = 8
"""So often, about, the ROM says it until the watchdog resets the chip (esp-idf#12110)."""

_MODES = ("QIO", "QOUT", "DIO", "DOUT")
_CLOCK_DIVIDERS = {0xF: 1, 0x0: 2, 0x1: 3, 0x2: 4}
"""Header's frequency code to divider of 80 MHz: 80, 40, 26 and 20 MHz."""

_SEGMENT = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class Boot:
    """How a ROM's attempt to boot from flash went."""

    text: bytes
    """What it printed."""
    segments: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)
    """Load address and bytes, in the image's order."""
    entry: int | None = None
    """Where it jumps to; None: it waits for the watchdog."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment; `data` is shorter than `length` where the flash ends."""

    address: int
    length: int
    data: bytes = field(repr=False)

    @property
    def complete(self) -> bool:
        """Whether it ends within the flash."""
        return len(self.data) == self.length


def invalid_header(header: bytes) -> str:
    """Return what the ROM says of a header that is none; empty: it is one."""
    if len(header) == HEADER.size and header[0] == MAGIC and header[1] <= MAX_SEGMENTS:
        return ""
    return f"invalid header: {int.from_bytes(header[:4], 'little'):#010x}"


def mode_line(mode: int, size_and_speed: int) -> str:
    """Return what the ROM says of the header's flash mode and frequency."""
    name = _MODES[mode] if mode < len(_MODES) else "DIO"
    return f"mode:{name}, clock div:{_CLOCK_DIVIDERS.get(size_and_speed & 0xF, 2)}"


def load_lines(segments: list[Segment], length: str) -> list[str]:
    """Return what the ROM says of each segment; `length` is the format that it gives lengths in."""
    return [f"load:{part.address:#010x},len:{part.length:{length}}" for part in segments]


def read_segments(read_flash: ReadFlash, position: int, count: int) -> list[Segment]:
    """Return up to `count` segments from `position` on; an incomplete one is the last."""
    segments: list[Segment] = []
    while len(segments) < count and (not segments or segments[-1].complete):
        header = read_flash(position, _SEGMENT.size)
        if len(header) < _SEGMENT.size:
            break
        address, length = _SEGMENT.unpack(header)
        position += _SEGMENT.size
        segments.append(Segment(address, length, read_flash(position, length)))
        position += length
    return segments


def end_of(position: int, segments: list[Segment]) -> int:
    """Return the offset behind the checksum byte of segments that start at `position`."""
    end = position + sum(_SEGMENT.size + segment.length for segment in segments)
    return end // 16 * 16 + 16


def checksum_of(segments: list[Segment]) -> int:
    """Return the checksum that the data have."""
    return reduce(xor, (reduce(xor, segment.data, 0) for segment in segments), CHECKSUM_SEED)


def text_of(lines: list[str]) -> bytes:
    """Return lines as the ROM sends them."""
    return "".join(f"{line}\r\n" for line in lines).encode()
