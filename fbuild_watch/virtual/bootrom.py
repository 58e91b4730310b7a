"""The ESP32-C3 mask ROM's flash boot: banner, image checks, what is loaded where. Pure.

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

from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.firmware_image import (
    HEADER,
    INVALID_HEADER_LINES,
    Boot,
    ReadFlash,
    Segment,
    checksum_of,
    end_of,
    invalid_header,
    load_lines,
    mode_line,
    read_segments,
    text_of,
)

IMAGE_OFFSET = 0

HANG_PC = 0x40048B82
"""Somewhere in the ROM's wait for the watchdog, as chips report it (esp-web-tools#465)."""

_PC_LOST = frozenset({ResetCause.POWERON, ResetCause.RTCWDT_RTC, ResetCause.RTCWDT_BROWN_OUT})
"""Resets that take the RTC domain's registers along, and with them the saved PC."""


def boot(read_flash: ReadFlash, cause: ResetCause, saved_pc: int = 0) -> Boot:
    """Do what the ROM does after a reset with IO9 high, up to the jump."""
    lines = _banner(cause, saved_pc)
    header = read_flash(IMAGE_OFFSET, HEADER.size)
    if invalid := invalid_header(header):
        return _stopped([*lines, *[invalid] * INVALID_HEADER_LINES])
    _, count, mode, size_and_speed, entry, wp_pin, _, has_digest = HEADER.unpack(header)
    lines += [f"SPIWP:{wp_pin:#x}", mode_line(mode, size_and_speed)]
    start = IMAGE_OFFSET + HEADER.size
    segments = read_segments(read_flash, start, count)
    lines += load_lines(segments, "#x")
    if len(segments) < count or not all(segment.complete for segment in segments):
        return _stopped([*lines, "ets_loader.c 78 "])
    end = end_of(start, segments)
    failure = _checksum_failure(read_flash, end, segments)
    if failure:
        return _stopped([*lines, failure, "ets_main.c 333 "])
    if has_digest:
        lines += _digest_warning(read_flash, end)
    lines.append(f"entry {entry:#010x}")
    loaded = tuple((segment.address, segment.data) for segment in segments)
    return Boot(text_of(lines), loaded, entry)


def _banner(cause: ResetCause, saved_pc: int) -> list[str]:
    lines = [
        "ESP-ROM:esp32c3-api1-20210207",
        "Build:Feb  7 2021",
        f"rst:{cause.code:#x} ({cause.label}),boot:0xd (SPI_FAST_FLASH_BOOT)",
    ]
    return lines if cause in _PC_LOST else [*lines, f"Saved PC:{saved_pc:#010x}"]


def _checksum_failure(read_flash: ReadFlash, end: int, segments: list[Segment]) -> str | None:
    """The ROM's line when the last byte before `end` is not the XOR of all data."""
    calculated = checksum_of(segments)
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
    return Boot(text_of(lines))
