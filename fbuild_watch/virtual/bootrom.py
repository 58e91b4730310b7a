"""The mask ROM's flash boot: banner, image checks, what is loaded where. Pure.

Not the loader that download mode speaks (rom.py), and nothing here executes code.

Rules, as real chips print and do it (the logs are quoted in the issues named here)
- The banner's lines depend on the reset cause and on the image's header: esp-idf#16925.
- No image magic: `invalid header`, repeated until the watchdog resets the chip: esp-idf#12110.
- A wrong checksum stops the boot the same way: esp-rs/esp-idf-template#27.
- A wrong SHA-256 is reported, and booted all the same: arduino-esp32#7011.
- Segments that lie outside RAM are announced and skipped; a boot that cannot go on ends in
  an `ets_*.c` line.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from operator import xor

from .cpu import ResetCause

ReadFlash = Callable[[int, int], bytes]
"""(offset, length) -> bytes; fewer where the flash ends."""

IMAGE_OFFSET = 0
IMAGE_MAGIC = 0xE9
MAX_SEGMENTS = 16
CHECKSUM_SEED = 0xEF
"""esptool, "Firmware Image Format"."""

HANG_PC = 0x40048B82
"""Somewhere in the ROM's wait for the watchdog, as chips report it (esp-web-tools#465)."""

_HEADER = struct.Struct("<BBBBIB3xH9xB")
_SEGMENT = struct.Struct("<II")
_MODES = ("QIO", "QOUT", "DIO", "DOUT")
_CLOCK_DIVIDERS = {0xF: 1, 0x0: 2, 0x1: 3, 0x2: 4}
"""Header's frequency code to divider of 80 MHz: 80, 40, 26 and 20 MHz."""

_INVALID_HEADER_LINES = 8
_PC_LOST = frozenset({ResetCause.POWERON, ResetCause.RTCWDT_RTC, ResetCause.RTCWDT_BROWN_OUT})
"""Resets that take the RTC domain's registers along, and with them the saved PC."""


@dataclass(frozen=True, slots=True)
class Boot:
    """How the ROM's attempt went."""

    text: bytes
    """What it printed."""
    segments: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)
    """Load address and bytes, in the image's order."""
    entry: int | None = None
    """Where it jumps to; None: it waits for the watchdog."""


def boot(read_flash: ReadFlash, cause: ResetCause, saved_pc: int = 0) -> Boot:
    """Do what the ROM does after a reset with IO9 high, up to the jump."""
    lines = _banner(cause, saved_pc)
    header = read_flash(IMAGE_OFFSET, _HEADER.size)
    if len(header) < _HEADER.size or header[0] != IMAGE_MAGIC or header[1] > MAX_SEGMENTS:
        word = int.from_bytes(header[:4], "little")
        return _stopped([*lines, *[f"invalid header: {word:#010x}"] * _INVALID_HEADER_LINES])
    _, count, mode, size_and_speed, entry, wp_pin, _, has_digest = _HEADER.unpack(header)
    lines += [f"SPIWP:{wp_pin:#x}", _mode_line(mode, size_and_speed)]
    segments: list[tuple[int, bytes]] = []
    position = IMAGE_OFFSET + _HEADER.size
    for _ in range(count):
        segment = _read_segment(read_flash, position, lines)
        if segment is None:
            return _stopped([*lines, "ets_loader.c 78 "])
        segments.append(segment)
        position += _SEGMENT.size + len(segment[1])
    end = position // 16 * 16 + 16
    failure = _checksum_failure(read_flash, end, segments)
    if failure:
        return _stopped([*lines, failure, "ets_main.c 333 "])
    if has_digest:
        lines += _digest_warning(read_flash, end)
    lines.append(f"entry {entry:#010x}")
    return Boot(_text(lines), tuple(segments), entry)


def _banner(cause: ResetCause, saved_pc: int) -> list[str]:
    lines = [
        "ESP-ROM:esp32c3-api1-20210207",
        "Build:Feb  7 2021",
        f"rst:{cause.code:#x} ({cause.label}),boot:0xd (SPI_FAST_FLASH_BOOT)",
    ]
    return lines if cause in _PC_LOST else [*lines, f"Saved PC:{saved_pc:#010x}"]


def _mode_line(mode: int, size_and_speed: int) -> str:
    name = _MODES[mode] if mode < len(_MODES) else "DIO"
    return f"mode:{name}, clock div:{_CLOCK_DIVIDERS.get(size_and_speed & 0xF, 2)}"


def _read_segment(
    read_flash: ReadFlash, position: int, lines: list[str]
) -> tuple[int, bytes] | None:
    """Read and announce one segment; None: it does not end within the flash."""
    header = read_flash(position, _SEGMENT.size)
    if len(header) < _SEGMENT.size:
        return None
    address, length = _SEGMENT.unpack(header)
    lines.append(f"load:{address:#010x},len:{length:#x}")
    data = read_flash(position + _SEGMENT.size, length)
    return (address, data) if len(data) == length else None


def _checksum_failure(
    read_flash: ReadFlash, end: int, segments: list[tuple[int, bytes]]
) -> str | None:
    """The ROM's line when the last byte before `end` is not the XOR of all data."""
    calculated = reduce(xor, (reduce(xor, data, 0) for _, data in segments), CHECKSUM_SEED)
    stored = read_flash(end - 1, 1)
    if stored and stored[0] == calculated:
        return None
    return f"Checksum failure. Calculated {calculated:#04x} stored {(stored or b'.')[0]:#04x}"


def _digest_warning(read_flash: ReadFlash, end: int) -> list[str]:
    calculated = hashlib.sha256(read_flash(IMAGE_OFFSET, end - IMAGE_OFFSET)).digest()
    expected = read_flash(end, len(calculated))
    if calculated == expected:
        return []
    return [
        "SHA-256 comparison failed:",
        f"Calculated: {calculated.hex()}",
        f"Expected: {expected.hex()}",
        "Attempting to boot anyway...",
    ]


def _stopped(lines: list[str]) -> Boot:
    return Boot(_text(lines))


def _text(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()
