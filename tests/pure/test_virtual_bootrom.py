from __future__ import annotations

import hashlib
import struct
from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.virtual.bootrom import boot
from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.firmware_image import Boot

FLASH_SIZE = 0x10000

segments = st.lists(
    st.tuples(
        st.integers(0, 2**32 - 1),
        st.binary(max_size=64).map(lambda data: data + bytes(-len(data) % 4)),
    ),
    max_size=16,
)


def image(parts: list[tuple[int, bytes]], entry: int = 0x403C0000, *, digest: bool = True) -> bytes:
    """An image by the documented format, written apart from the code under test."""
    body = struct.pack("<BBBBI", 0xE9, len(parts), 2, 0x2F, entry)
    body += bytes((0xEE, 0, 0, 0, 5, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0, digest))
    for address, data in parts:
        body += struct.pack("<II", address, len(data)) + data
    body += bytes(15 - len(body) % 16)
    body += bytes((reduce(xor, b"".join(data for _, data in parts), 0xEF),))
    return body + hashlib.sha256(body).digest() if digest else body


def boot_from(content: bytes, cause: ResetCause = ResetCause.POWERON, saved_pc: int = 0) -> Boot:
    flash = content.ljust(FLASH_SIZE, b"\xff")
    return boot(lambda offset, size: flash[offset : offset + size], cause, saved_pc)


def lines(result: Boot) -> list[str]:
    assert result.text.endswith(b"\r\n")
    return result.text.decode().split("\r\n")[:-1]


@given(segments, st.integers(0, 2**32 - 1), st.booleans())
def test_a_good_image_is_loaded_whole(
    parts: list[tuple[int, bytes]], entry: int, digest: bool
) -> None:
    result = boot_from(image(parts, entry, digest=digest))
    assert result.entry == entry
    assert list(result.segments) == parts
    assert lines(result) == [
        "ESP-ROM:esp32c3-api1-20210207",
        "Build:Feb  7 2021",
        "rst:0x1 (POWERON),boot:0xd (SPI_FAST_FLASH_BOOT)",
        "SPIWP:0xee",
        "mode:DIO, clock div:1",
        *[f"load:0x{address:08x},len:0x{len(data):x}" for address, data in parts],
        f"entry 0x{entry:08x}",
    ]


@given(segments, st.data())
def test_a_damaged_byte_never_boots_in_silence(
    parts: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    good = image(parts)
    at = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[at] ^= data.draw(st.integers(1, 255))
    said = lines(boot_from(bytes(bad)))
    has_digest_is_off = at == 23 and bad[23] == 0
    assert has_digest_is_off or any(
        word in line
        for line in said
        for word in ("invalid header", "Checksum failure", "SHA-256 comparison failed", "ets_")
    )


@given(segments.filter(any), st.data())
def test_a_truncated_image_does_not_boot_in_silence(
    parts: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    good = image(parts)
    cut = data.draw(st.integers(0, len(good) - 1).filter(lambda n: good[n:].strip(b"\xff")))
    result = boot_from(good[:cut])
    assert result.entry is None or b"SHA-256 comparison failed" in result.text


def test_erased_flash() -> None:
    result = boot_from(b"")
    assert result.entry is None
    assert lines(result)[3:] == ["invalid header: 0xffffffff"] * 8


def test_a_wrong_checksum_stops_the_boot() -> None:
    good = image([(0x403C0000, b"\x01\x02\x03\x04")], digest=False)
    result = boot_from(good[:-1] + b"\x55")
    assert result.entry is None
    assert lines(result)[-2:] == [
        "Checksum failure. Calculated 0xeb stored 0x55",
        "ets_main.c 333 ",
    ]


def test_a_wrong_digest_is_said_and_booted() -> None:
    good = image([(0x403C0000, b"\x01\x02\x03\x04")], 0x403C0002)
    result = boot_from(good[:-32] + bytes(32))
    assert result.entry == 0x403C0002
    assert lines(result)[-5:] == [
        "SHA-256 comparison failed:",
        f"Calculated: {good[-32:].hex()}",
        f"Expected: {'00' * 32}",
        "Attempting to boot anyway...",
        "entry 0x403c0002",
    ]


def test_a_segment_that_leaves_the_flash() -> None:
    broken = image([(0x403C0000, b"")])[:24] + struct.pack("<II", 0x403C0000, FLASH_SIZE)
    result = boot_from(broken)
    assert result.entry is None
    assert lines(result)[-2:] == ["load:0x403c0000,len:0x10000", "ets_loader.c 78 "]


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (ResetCause.POWERON, ["rst:0x1 (POWERON),boot:0xd (SPI_FAST_FLASH_BOOT)"]),
        (ResetCause.RTCWDT_RTC, ["rst:0x10 (RTCWDT_RTC_RST),boot:0xd (SPI_FAST_FLASH_BOOT)"]),
        (
            ResetCause.TG0WDT_SYS,
            ["rst:0x7 (TG0WDT_SYS_RST),boot:0xd (SPI_FAST_FLASH_BOOT)", "Saved PC:0x40380010"],
        ),
        (
            ResetCause.RTC_SW_CPU,
            ["rst:0xc (RTC_SW_CPU_RST),boot:0xd (SPI_FAST_FLASH_BOOT)", "Saved PC:0x40380010"],
        ),
    ],
)
def test_the_reset_line(cause: ResetCause, expected: list[str]) -> None:
    said = lines(boot_from(image([]), cause, 0x40380010))
    assert said[2 : said.index("SPIWP:0xee")] == expected


@pytest.mark.parametrize(
    ("mode", "speed", "expected"),
    [
        (0, 0x2F, "mode:QIO, clock div:1"),
        (2, 0x20, "mode:DIO, clock div:2"),
        (3, 0x22, "mode:DOUT, clock div:4"),
    ],
)
def test_the_mode_line(mode: int, speed: int, expected: str) -> None:
    header = bytearray(image([], digest=False))
    header[2:4] = bytes((mode, speed))
    assert expected in lines(boot_from(bytes(header)))
