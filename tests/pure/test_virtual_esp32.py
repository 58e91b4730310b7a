"""The ESP32: what differs from later chips in registers, loader and boot."""

from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.virtual import esp32
from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.esp32 import EFUSE, LAYOUT, Esp32Rom
from fbuild_watch.virtual.loader import Send
from fbuild_watch.virtual.personality import ESP32
from fbuild_watch.virtual.protocol import Opcode, checksum
from fbuild_watch.virtual.slip import encode
from fbuild_watch.virtual.spi_controller import USR_START
from fbuild_watch.virtual.stub import OldStubLoader
from fbuild_watch.virtual.timing import FAST
from tests.pure.board_fakes import (
    MAC,
    READ_MAGIC,
    SYNC,
    Desk,
    Host,
    make_chip,
    parse_reply,
    request,
    words,
)

OK, INVALID, FAILED = bytes(4), b"\1\5\0\0", b"\1\6\0\0"
MEGABYTE = 1 << 20


def rom() -> Host:
    return Host(Esp32Rom(make_chip(kind=ESP32)), 4)


# --- registers ---


def test_the_mac_and_its_crc_are_burnt_in_words_1_and_2() -> None:
    host = rom()
    low, high = host.value(EFUSE + 4), host.value(EFUSE + 8)
    assert struct.pack(">II", high, low)[2:] == MAC
    assert high >> 16 == esp32.crc8(MAC)


def test_the_crc_is_that_of_the_catalogue() -> None:
    """Maxim's CRC-8 of "123456789" is 0xA1 (the catalogue of CRC algorithms, CRC-8/MAXIM-DOW)."""
    assert esp32.crc8(b"123456789") == 0xA1


def test_the_crystal_is_read_off_the_divider_and_off_the_calibration() -> None:
    host = rom()
    assert host.value(0x3FF40014) & 0xFFFFF == 40_000_000 // 115200
    measured = (host.value(0x3FF5F06C) >> 7) & 0x01FFFFFF
    assert measured * 15625 * (host.value(EFUSE + 16) & 0xFF) / 40 == pytest.approx(40e6, rel=0.04)


def test_the_flash_is_asked_with_the_address_in_the_high_bits() -> None:
    registers = make_chip(kind=ESP32).registers
    registers.spi.attached = True
    spi = LAYOUT.spi
    for address, value in [
        (spi.miso, 31), (spi.user2, 7 << 28 | 0x5A), (spi.addr, 0x1C << 8), (spi.cmd, USR_START),
    ]:  # fmt: skip
        assert registers.write(address, value, 0.0)
    assert registers.read(spi.w0) == 4 * MEGABYTE * 8 - 1


# --- loaders ---


@pytest.mark.parametrize("opcode", [Opcode.GET_SECURITY_INFO, Opcode.ERASE_FLASH, 0x55])
def test_an_unknown_command_is_answered_eight_times_and_not_under_its_name(opcode: int) -> None:
    host = rom()
    host.value(0x40001000)
    effects = host.send(request(opcode))
    replies = [parse_reply(effect.payload) for effect in effects if isinstance(effect, Send)]
    assert [reply.data for reply in replies] == [INVALID] * 8
    assert {reply.opcode for reply in replies} == {Opcode.READ_REG}


def test_the_stub_answers_it_once_under_its_name() -> None:
    (effect,) = Host(OldStubLoader(make_chip(kind=ESP32)), 2).send(
        request(Opcode.GET_SECURITY_INFO)
    )
    assert isinstance(effect, Send)
    reply = parse_reply(effect.payload)
    assert (reply.opcode, reply.data) == (Opcode.GET_SECURITY_INFO, b"\xc3\0")


@pytest.mark.parametrize("opcode", [Opcode.FLASH_BEGIN, Opcode.FLASH_DEFL_BEGIN])
def test_begin_has_four_words(opcode: int) -> None:
    host = rom()
    assert host.ask(words(Opcode.SPI_ATTACH, 0, 0))[1] == OK
    assert host.ask(words(opcode, 1024, 1, 1024, 0))[1] == OK
    assert host.ask(words(opcode, 1024, 1, 1024, 0, 0))[1] == INVALID


def test_attach_has_two_words_and_finds_the_flash_at_the_default_pads_only() -> None:
    host = rom()
    assert host.ask(words(Opcode.SPI_ATTACH, 0))[1] == INVALID
    for pads, answer in [(1, FAILED), (0, OK), (6 << 6 | 7, FAILED)]:
        assert host.ask(words(Opcode.SPI_ATTACH, pads, 0))[1] == OK
        assert host.ask(words(Opcode.SPI_FLASH_MD5, 0, 4096, 0, 0))[1][-4:] == answer


def test_a_digest_above_two_megabytes_needs_the_size() -> None:
    host = rom()
    host.ask(words(Opcode.SPI_ATTACH, 0, 0))
    above = words(Opcode.SPI_FLASH_MD5, 2 * MEGABYTE, 4096, 0, 0)
    assert host.ask(above)[1] == FAILED
    host.ask(words(Opcode.SPI_SET_PARAMS, 0, 4 * MEGABYTE, 65536, 4096, 256, 0xFFFF))
    body, status = host.ask(above)
    assert (body.decode(), status) == (hashlib.md5(b"\xff" * 4096).hexdigest(), OK)


def change_rate(desk: Desk, asked: int, used: int) -> bool:
    """Ask the ROM for a rate and use another; return whether it is understood there."""
    desk.download()
    desk.heard()
    desk.send(SYNC)
    desk.send(encode(words(Opcode.CHANGE_BAUDRATE, asked, 0)))
    desk.board.set_baud(used, desk.now)
    return [reply.value for reply in desk.replies(READ_MAGIC)] == [0x00F01D83]


def test_the_rom_misses_a_rate_by_its_guess_of_the_crystal() -> None:
    assert not change_rate(Desk(FAST, ESP32), 460800, 460800)
    corrected = int(460800 * esp32.GUESSED_XTAL_HZ // 40_000_000)
    assert change_rate(Desk(FAST, ESP32), corrected, 460800)


# --- boot ---


def image(parts: list[tuple[int, bytes]], entry: int = 0x400805E4) -> bytes:
    body = struct.pack("<BBBBI", 0xE9, len(parts), 2, 0x20, entry) + b"\xee" + bytes(14) + b"\0"
    for address, data in parts:
        body += struct.pack("<II", address, len(data)) + data
    body += bytes(15 - len(body) % 16)
    return body + bytes((checksum(b"".join(data for _, data in parts)),))


def boot(content: bytes, cause: ResetCause = ResetCause.POWERON) -> tuple[list[str], int | None]:
    flash = bytes(0x1000) + content.ljust(0x8000, b"\xff")
    result = esp32.boot(lambda offset, size: flash[offset : offset + size], cause)
    return result.text.decode().split("\r\n"), result.entry


def test_a_good_image_at_0x1000_is_announced_as_the_rom_does() -> None:
    lines, entry = boot(image([(0x3FFF0018, b"data"), (0x40078000, b"code" * 5)]))
    assert entry == 0x400805E4
    assert lines == [
        "ets Jul 29 2019 12:21:46",
        "",
        "rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)",
        "configsip: 0, SPIWP:0xee",
        "clk_drv:0x00,q_drv:0x00,d_drv:0x00,cs0_drv:0x00,hd_drv:0x00,wp_drv:0x00",
        "mode:DIO, clock div:2",
        "load:0x3fff0018,len:4",
        "load:0x40078000,len:20",
        "entry 0x400805e4",
        "",
    ]


def test_what_is_no_image_is_refused() -> None:
    lines, entry = boot(b"")
    assert entry is None
    assert lines[3:] == ["invalid header: 0xffffffff"] * 8 + [""]


@given(st.integers(0, 7), st.integers(1, 255))
def test_a_changed_byte_is_a_checksum_error(at: int, by: int) -> None:
    good = bytearray(image([(0x3FFF0018, b"somedata")]))
    good[24 + 8 + at] ^= by
    lines, entry = boot(bytes(good))
    assert entry is None
    assert lines[-3].startswith("csum err:0x")
    assert lines[-2] == "ets_main.c 371 "


@given(st.binary(max_size=200), st.sampled_from(list(ResetCause)))
def test_random_flash_and_any_cause_never_hurt(content: bytes, cause: ResetCause) -> None:
    for start in (b"", b"\xe9\x02"):
        lines, _ = boot(start + content, cause)
        assert lines[2].startswith(f"rst:{cause.code:#x} (")


def test_the_download_banner() -> None:
    desk = Desk(FAST, ESP32)
    desk.heard()
    desk.lines((0, 0), (0, 1), (1, 1))
    desk.board.set_lines(True, False, desk.now)
    assert b"boot:0x3 (DOWNLOAD_BOOT" in (heard := desk.heard())
    assert heard.endswith(b"waiting for download\r\n")
