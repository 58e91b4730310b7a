"""The ESP8266: a small ROM loader, 74880 baud, an erase that counts twice."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.virtual import esp8266
from fbuild_watch.virtual.board import Mode
from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.esp8266 import LAYOUT, OTP, Esp8266Rom, Esp8266Stub
from fbuild_watch.virtual.loader import RunFlash, Send
from fbuild_watch.virtual.nor import BLOCK, SECTOR
from fbuild_watch.virtual.personality import ESP8266
from fbuild_watch.virtual.protocol import Opcode, checksum
from fbuild_watch.virtual.spi_controller import USR_START
from fbuild_watch.virtual.timing import FAST
from tests.pure.board_fakes import (
    MAC,
    SYNC,
    Desk,
    Host,
    block,
    make_chip,
    parse_reply,
    request,
    words,
)

OK, INVALID = b"\0\0", b"\1\5"


def rom() -> Host:
    return Host(Esp8266Rom(make_chip(kind=ESP8266)), 2)


# --- registers ---


def test_the_mac_is_spread_over_three_otp_words() -> None:
    mac0, mac1, _, mac3 = (rom().value(OTP + 4 * index) for index in range(4))
    read = struct.pack(">I", mac3)[1:] + struct.pack(">I", mac1)[2:] + struct.pack(">I", mac0)[:1]
    assert read == MAC


def test_no_bit_says_esp8285() -> None:
    assert not rom().value(OTP) & 1 << 4
    assert not rom().value(OTP + 8) & 1 << 16


def test_the_crystal_is_read_off_the_divider() -> None:
    divider = rom().value(0x60000014)
    assert divider * 115200 / 2 == pytest.approx(26e6, rel=0.002)


def test_bits_to_read_are_counted_in_user1() -> None:
    registers = make_chip(kind=ESP8266).registers
    registers.spi.attached = True
    spi = LAYOUT.spi
    for address, value in [
        (spi.miso, 23 << 8), (spi.user2, 7 << 28 | 0x9F), (spi.cmd, USR_START),
    ]:  # fmt: skip
        assert registers.write(address, value, 0.0)
    assert registers.read(spi.w0) == 0x1640EF


# --- loaders ---


@pytest.mark.parametrize(
    "opcode",
    [
        Opcode.SPI_SET_PARAMS,
        Opcode.SPI_ATTACH,
        Opcode.READ_FLASH_SLOW,
        Opcode.CHANGE_BAUDRATE,
        Opcode.FLASH_DEFL_BEGIN,
        Opcode.FLASH_DEFL_DATA,
        Opcode.FLASH_DEFL_END,
        Opcode.SPI_FLASH_MD5,
        Opcode.GET_SECURITY_INFO,
    ],
)
def test_what_came_with_the_esp32_is_unknown(opcode: int) -> None:
    effects = rom().send(request(opcode, bytes(16)))
    replies = [parse_reply(effect.payload) for effect in effects if isinstance(effect, Send)]
    assert [reply.data for reply in replies] == [INVALID] * 8
    assert opcode not in {reply.opcode for reply in replies}


def test_flash_begin_connects_the_flash() -> None:
    host = rom()
    assert not host.loader.chip.registers.spi.attached
    assert host.ask(words(Opcode.FLASH_BEGIN, 0, 0, 1024, 0))[1] == OK
    assert host.loader.chip.registers.spi.attached


def erased_by(address: int, size: int) -> tuple[int, int]:
    """Ask for an erase of a range in zeroed flash; return (first, end) of what is erased."""
    host = rom()
    nor = host.loader.chip.flash.nor
    nor.program(0, bytes(nor.size))
    assert host.ask(words(Opcode.FLASH_BEGIN, size, 1, 1024, address))[1] == OK
    contents = nor.read(0, nor.size)
    first, end = contents.find(b"\xff"), contents.rfind(b"\xff") + 1
    assert contents[first:end] == b"\xff" * (end - first)
    return first, end


@pytest.mark.parametrize(
    ("sector", "asked", "erased"), [(0, 1, 2), (0, 16, 32), (0, 20, 36), (12, 1, 2), (12, 10, 14)]
)
def test_the_sectors_up_to_the_boundary_count_twice(sector: int, asked: int, erased: int) -> None:
    first, end = erased_by(sector * SECTOR, asked * SECTOR)
    assert (first, end) == (sector * SECTOR, (sector + erased) * SECTOR)


@given(st.integers(0, 40), st.integers(1, 60))
def test_esptools_workaround_erases_what_is_needed_and_one_sector_more_at_most(
    sector: int, needed: int
) -> None:
    """The size that esptool asks for: `get_erase_size` in its `targets/esp8266.py`, in sectors."""
    head = min(16 - sector % 16, needed)
    asked = (needed + 1) // 2 if needed < 2 * head else needed - head
    _, end = erased_by(sector * SECTOR, asked * SECTOR)
    assert end - (sector + needed) * SECTOR in (0, SECTOR)


def test_the_last_sector_can_be_erased() -> None:
    assert erased_by(64 * BLOCK - SECTOR, SECTOR) == (64 * BLOCK - SECTOR, 64 * BLOCK)


def test_a_write_has_its_blocks_although_it_asked_to_erase_less() -> None:
    host = rom()
    assert host.ask(words(Opcode.FLASH_BEGIN, SECTOR, 8, 1024, 0))[1] == OK
    for number in range(8):
        assert host.ask(block(Opcode.FLASH_DATA, bytes((number,)) * 1024, number))[1] == OK
    assert host.ask(block(Opcode.FLASH_DATA, bytes(1024), 8))[1] == INVALID
    written = host.loader.chip.flash.nor.read(0, 8192)
    assert written == b"".join(bytes((number,)) * 1024 for number in range(8))


def test_the_stub_can_run_the_firmware() -> None:
    (effect,) = Host(Esp8266Stub(make_chip(kind=ESP8266)), 2).send(request(Opcode.RUN_USER_CODE))
    assert effect == RunFlash()


# --- boot ---


def test_it_boots_at_74880_baud_and_answers_at_the_rate_of_the_sync() -> None:
    desk = Desk(FAST, ESP8266)
    desk.board.set_baud(74880, desk.now)
    desk.heard()
    desk.download()
    desk.lines((0, 1), (1, 1))
    desk.board.set_lines(True, False, desk.now)
    assert desk.heard() == b"\r\n ets Jan  8 2013,rst cause:2, boot mode:(1,7)\r\n\r\n"
    desk.board.set_baud(115200, desk.now)
    assert desk.board.mode is Mode.ROM
    assert [reply.data for reply in desk.replies(SYNC)] == [OK] * 8


def test_at_115200_the_banner_is_garbage() -> None:
    desk = Desk(FAST, ESP8266)
    desk.heard()
    desk.lines((0, 1), (1, 1), step=0.0)
    desk.board.set_lines(True, False, desk.now)
    assert not set(desk.heard()) & set(b"ets Jan")


def image(parts: list[tuple[int, bytes]], entry: int = 0x4010F000) -> bytes:
    body = struct.pack("<BBBBI", 0xE9, len(parts), 0, 0x40, entry)
    for address, data in parts:
        body += struct.pack("<II", address, len(data)) + data
    body += bytes(15 - len(body) % 16)
    return body + bytes((checksum(b"".join(data for _, data in parts)),))


def boot(content: bytes) -> tuple[list[str], int | None]:
    flash = content.ljust(0x10000, b"\xff")
    result = esp8266.boot(lambda offset, size: flash[offset : offset + size], ResetCause.POWERON)
    return result.text.decode().split("\r\n"), result.entry


def test_a_good_image_is_announced_as_the_rom_does() -> None:
    """Rooms and tails as in a log on bbs.espressif.com (viewtopic.php?f=65&t=10362)."""
    lengths = (25700, 848, 184)
    lines, entry = boot(image([(0x40100000, bytes(length)) for length in lengths]))
    assert entry == 0x4010F000
    assert lines[3:12:3] == [
        "load 0x40100000, len 25700, room 16 ",
        "load 0x40100000, len 848, room 4 ",
        "load 0x40100000, len 184, room 12 ",
    ]
    assert lines[4:13:3] == ["tail 4", "tail 12", "tail 12"]
    assert lines[-2:] == ["csum 0xef", ""]


def test_erased_flash_and_a_wrong_checksum_are_refused() -> None:
    assert boot(b"") == (
        ["", " ets Jan  8 2013,rst cause:2, boot mode:(3,7)", "", "ets_main.c ", ""],
        None,
    )
    bad = bytearray(image([(0x40100000, b"code")]))
    bad[-1] ^= 1
    lines, entry = boot(bytes(bad))
    assert entry is None
    assert lines[-3:] == ["csum err", "ets_main.c ", ""]


@given(st.binary(max_size=200))
def test_random_flash_never_hurts(content: bytes) -> None:
    for start in (b"", b"\xe9\x02"):
        assert boot(start + content)[0][1].startswith(" ets Jan  8 2013")
