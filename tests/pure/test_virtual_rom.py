"""The mask ROM's loader: each command's answer and its error codes."""

from __future__ import annotations

import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.loader import EnterStub, Execute, Restart, RunFlash, Send, SetBaud
from fbuild_watch.virtual.protocol import SYNC_DATA, Opcode
from fbuild_watch.virtual.rom import RomLoader
from fbuild_watch.virtual.timing import REAL
from tests.pure.board_fakes import (
    STUB,
    FakeCpu,
    Host,
    block,
    make_chip,
    parse_reply,
    request,
    words,
)

OK = bytes(4)
INVALID, FAILED, BAD_CRC = b"\1\5\0\0", b"\1\6\0\0", b"\1\7\0\0"
WRITE_ERROR, READ_ERROR, LENGTH_ERROR, DEFLATE_ERROR = (
    b"\1\x08\0\0",
    b"\1\x09\0\0",
    b"\1\x0a\0\0",
    b"\1\x0b\0\0",
)
MEGABYTE = 1 << 20


def rom(*, attached: bool = True, timing: object = None) -> Host:
    chip = make_chip(timing=REAL) if timing is REAL else make_chip()
    host = Host(RomLoader(chip), 4)
    if attached:
        assert host.ask(words(Opcode.SPI_ATTACH, 0, 0)) == (b"", OK)
        assert host.ask(words(Opcode.SPI_SET_PARAMS, 0, 4 * MEGABYTE, 65536, 4096, 256, 0xFFFF))
    return host


def flash(host: Host, address: int, size: int) -> bytes:
    return host.loader.chip.flash.nor.read(address, size)


def begin(host: Host, address: int, size: int, blocks: int = 1, encrypted: int = 0) -> bytes:
    return host.ask(words(Opcode.FLASH_BEGIN, size, blocks, 1024, address, encrypted))[1]


# --- packets ---


def test_sync_is_answered_eight_times_with_a_value_that_is_not_zero() -> None:
    effects = rom().send(request(Opcode.SYNC, SYNC_DATA))
    replies = [parse_reply(effect.payload) for effect in effects if isinstance(effect, Send)]
    assert len(replies) == 8
    assert all(reply.opcode == Opcode.SYNC and reply.value for reply in replies)
    assert all(reply.data == OK for reply in replies)


@pytest.mark.parametrize("frame", [b"", b"\0", b"\1\x08\0\0\0\0\0\0", b"\0\x08\x24\0\0\0\0"])
def test_what_is_no_request_is_not_answered(frame: bytes) -> None:
    assert rom().send(frame) == []


def test_an_unknown_command_is_an_invalid_message() -> None:
    for opcode in (0x55, Opcode.ERASE_FLASH, Opcode.READ_FLASH, Opcode.FLASH_ENCRYPT_DATA):
        assert rom().ask(request(opcode)) == (b"", INVALID)


@pytest.mark.parametrize("opcode", sorted(RomLoader.table))
def test_a_wrong_length_is_an_invalid_message(opcode: int) -> None:
    assert rom().ask(request(opcode, b"abc")) == (b"", INVALID)


def test_a_size_field_that_is_not_the_length_is_an_invalid_message() -> None:
    frame = bytearray(words(Opcode.READ_REG, 0x40001000))
    frame[2] = 5
    assert rom().ask(bytes(frame)) == (b"", INVALID)


# --- registers and RAM ---


def test_registers_are_read_and_written_under_a_mask() -> None:
    host = rom()
    host.loader.chip.cpu.load(0x3FC80000, bytes.fromhex("44332211"))
    assert host.value(0x3FC80000) == 0x11223344
    assert host.ask(words(Opcode.WRITE_REG, 0x3FC80000, 0xFFFFFFFF, 0x0000FF00, 0))[1] == OK
    assert host.value(0x3FC80000) == 0x1122FF44


def test_several_writes_in_one_command_and_their_delays() -> None:
    host = rom(timing=REAL)
    start = host.now
    frame = words(Opcode.WRITE_REG, 0x3FC80000, 1, 0xFFFFFFFF, 0, 0x3FC80004, 2, 0xFFFFFFFF, 5000)
    assert host.ask(frame)[1] == OK
    assert (host.value(0x3FC80000), host.value(0x3FC80004)) == (1, 2)
    assert host.now - start == pytest.approx(0.005)


def test_nothing_answers_at_an_unknown_address() -> None:
    assert rom().value(0x12345678) == 0


def test_a_ram_program_is_loaded_and_started() -> None:
    host = rom()
    assert host.ask(words(Opcode.MEM_BEGIN, 6, 2, 4, 0x3FC80000))[1] == OK
    assert host.ask(block(Opcode.MEM_DATA, b"abcd"))[1] == OK
    assert host.ask(block(Opcode.MEM_DATA, b"ef", 1))[1] == OK
    assert host.value(0x3FC80004) == int.from_bytes(b"ef", "little")
    sent, jump = host.send(words(Opcode.MEM_END, 0, 0x3FC80000))
    assert host.taken_apart(sent) == (b"", OK)
    assert jump == Execute(0x3FC80000)


def test_a_ram_upload_that_is_not_started_stays() -> None:
    host = rom()
    host.ask(words(Opcode.MEM_BEGIN, 4, 1, 4, 0x3FC80000))
    assert host.ask(words(Opcode.MEM_END, 1, 0))[1] == OK


def test_ram_data_is_checked() -> None:
    host = rom()
    assert host.ask(block(Opcode.MEM_DATA, b"abcd"))[1] == FAILED
    host.ask(words(Opcode.MEM_BEGIN, 4, 1, 4, 0x3FC80000))
    wrong = bytearray(block(Opcode.MEM_DATA, b"abcd"))
    wrong[-1] ^= 1
    assert host.ask(bytes(wrong))[1] == BAD_CRC
    assert host.ask(block(Opcode.MEM_DATA, b"abcde"))[1] == INVALID
    assert host.ask(words(Opcode.MEM_END, 0, 0x3FC80000)[:-4])[1] == INVALID


def upload(host: Host, segments: dict[int, bytes], entry: int) -> object:
    for address, data in segments.items():
        host.ask(words(Opcode.MEM_BEGIN, len(data), 1, len(data), address))
        host.ask(block(Opcode.MEM_DATA, data))
    return host.send(words(Opcode.MEM_END, 0, entry))[1]


def test_the_stub_is_known_by_its_content() -> None:
    segments = dict(STUB.segments)
    assert upload(rom(), segments, STUB.entry) == EnterStub()
    assert upload(rom(), segments, STUB.entry + 2) == Execute(STUB.entry + 2)
    patched = segments | {0x3FC80000: b"stub dat4"}
    assert upload(rom(), patched, STUB.entry) == Execute(STUB.entry)
    assert upload(rom(), segments | {0x3FC90000: b"more"}, STUB.entry) == Execute(STUB.entry)


def test_the_baud_rate_changes_after_the_answer() -> None:
    host = rom()
    sent, change = host.send(words(Opcode.CHANGE_BAUDRATE, 921600, 0))
    assert host.taken_apart(sent) == (b"", OK)
    assert change == SetBaud(921600)
    assert host.ask(words(Opcode.CHANGE_BAUDRATE, 0, 0))[1] == INVALID


def test_security_info_has_twenty_bytes_and_the_chip_id() -> None:
    body, status = rom().ask(request(Opcode.GET_SECURITY_INFO))
    assert status == OK
    assert len(body) == 20
    assert int.from_bytes(body[12:16], "little") == 5


# --- flash ---


def test_flash_commands_need_spi_attach() -> None:
    host = rom(attached=False)
    assert begin(host, 0, 1024) == FAILED
    assert host.ask(words(Opcode.SPI_FLASH_MD5, 0, 4096, 0, 0))[1] == FAILED
    assert host.ask(words(Opcode.READ_FLASH_SLOW, 0, 64))[1] == READ_ERROR


def test_two_megabytes_until_the_size_is_set() -> None:
    host = rom(attached=False)
    host.ask(words(Opcode.SPI_ATTACH, 0, 0))
    assert begin(host, 2 * MEGABYTE - 1024, 1024) == OK
    assert begin(host, 2 * MEGABYTE - 1024, 1025) == FAILED
    assert host.ask(words(Opcode.SPI_FLASH_MD5, 2 * MEGABYTE, 1, 0, 0))[1] == FAILED


def test_beyond_the_real_flash_nothing_can_be_done_whatever_its_set_size() -> None:
    host = rom()
    host.ask(words(Opcode.SPI_SET_PARAMS, 0, 16 * MEGABYTE, 65536, 4096, 256, 0xFFFF))
    assert begin(host, 4 * MEGABYTE - 512, 1024) == FAILED
    assert host.ask(words(Opcode.READ_FLASH_SLOW, 4 * MEGABYTE, 64))[1] == FAILED


def test_a_write_erases_at_begin_and_programs_block_by_block() -> None:
    host = rom()
    host.loader.chip.flash.nor.program(0x1000, bytes(0x2000))
    assert begin(host, 0x1000, 1500, blocks=2) == OK
    assert flash(host, 0x1000, 0x1000) == b"\xff" * 0x1000
    assert flash(host, 0x2000, 0x1000) == bytes(0x1000)
    assert host.ask(block(Opcode.FLASH_DATA, b"a" * 1024))[1] == OK
    assert host.ask(block(Opcode.FLASH_DATA, b"b" * 476 + b"\xff" * 548, 1))[1] == OK
    assert flash(host, 0x1000, 1501) == b"a" * 1024 + b"b" * 476 + b"\xff"
    assert host.ask(block(Opcode.FLASH_DATA, b"c" * 1024, 2))[1] == INVALID


@given(st.binary(max_size=5000), st.integers(1, 700))
def test_a_compressed_write_may_be_cut_anywhere(data: bytes, cut: int) -> None:
    host = rom()
    stream = zlib.compress(data)
    rounded = -(-len(data) // 1024) * 1024
    assert host.ask(words(Opcode.FLASH_DEFL_BEGIN, rounded, 1, 1024, 0x10000, 0))[1] == OK
    for start in range(0, len(stream), cut):
        assert host.ask(block(Opcode.FLASH_DEFL_DATA, stream[start : start + cut]))[1] == OK
    assert flash(host, 0x10000, len(data)) == data


def test_a_bad_stream_is_a_deflate_error() -> None:
    host = rom()
    host.ask(words(Opcode.FLASH_DEFL_BEGIN, 1024, 1, 1024, 0, 0))
    assert host.ask(block(Opcode.FLASH_DEFL_DATA, b"no zlib"))[1] == DEFLATE_ERROR


def test_more_data_than_was_erased_is_refused() -> None:
    host = rom()
    host.ask(words(Opcode.FLASH_DEFL_BEGIN, 1024, 1, 1024, 0, 0))
    assert host.ask(block(Opcode.FLASH_DEFL_DATA, zlib.compress(bytes(1025))))[1] == INVALID
    assert flash(host, 0, 1025) == b"\xff" * 1025


def test_data_without_its_begin_is_refused() -> None:
    host = rom()
    assert host.ask(block(Opcode.FLASH_DATA, b"a"))[1] == FAILED
    assert host.ask(words(Opcode.FLASH_END, 1))[1] == FAILED
    begin(host, 0, 1024)
    assert host.ask(block(Opcode.FLASH_DEFL_DATA, b"a"))[1] == FAILED


def test_a_wrong_checksum_writes_nothing() -> None:
    host = rom()
    begin(host, 0, 1024)
    wrong = bytearray(block(Opcode.FLASH_DATA, bytes(1024)))
    wrong[4] ^= 0xFF
    assert host.ask(bytes(wrong))[1] == BAD_CRC
    assert flash(host, 0, 1024) == b"\xff" * 1024


def test_a_bit_that_does_not_program_is_a_write_error() -> None:
    host = rom()
    begin(host, 0, 1024)
    host.loader.chip.flash.nor.program(100, b"\0")
    assert host.ask(block(Opcode.FLASH_DATA, b"a" * 1024))[1] == WRITE_ERROR


def test_encrypted_writes_are_refused() -> None:
    assert begin(rom(), 0, 1024, encrypted=1) == FAILED


def test_the_digest_is_hexadecimal() -> None:
    host = rom()
    host.loader.chip.flash.nor.program(0x1003, b"some bytes")
    body, status = host.ask(words(Opcode.SPI_FLASH_MD5, 0x1001, 77, 0, 0))
    assert status == OK
    assert body.decode() == hashlib.md5(flash(host, 0x1001, 77)).hexdigest()


def test_a_slow_read_gives_sixty_four_bytes_at_most() -> None:
    host = rom()
    host.loader.chip.flash.nor.program(0, b"abcdef")
    assert host.ask(words(Opcode.READ_FLASH_SLOW, 1, 3)) == (b"bcd".ljust(64, b"\0"), OK)
    assert host.ask(words(Opcode.READ_FLASH_SLOW, 0, 65))[1] == LENGTH_ERROR


def test_the_end_of_a_write_resets_or_runs_what_is_in_flash() -> None:
    host = rom(attached=False)
    assert begin(host, 0, 0, blocks=0) == OK  # erases nothing: needs no flash
    assert host.send(words(Opcode.FLASH_END, 1))[1] == RunFlash()
    begin(host, 0, 0, blocks=0)
    assert host.send(words(Opcode.FLASH_END, 0))[1] == Restart(ResetCause.RTC_SW_SYS)


# --- time ---


def test_a_write_takes_its_erase_at_begin_and_its_pages_after() -> None:
    host = rom(timing=REAL)
    start = host.now
    begin(host, 0, 65536 + 4096, blocks=68)
    assert host.now - start == pytest.approx(0.300 + 0.070)
    begun = host.now
    host.ask(block(Opcode.FLASH_DATA, bytes(1024)))
    assert host.now - begun == pytest.approx(4 * 0.0008)


def test_a_digest_takes_its_time() -> None:
    host = rom(timing=REAL)
    start = host.now
    host.ask(words(Opcode.SPI_FLASH_MD5, 0, 2_400_000, 0, 0))
    assert host.now - start == pytest.approx(1.0)


def test_a_command_that_comes_early_waits_its_turn() -> None:
    host = rom(timing=REAL)
    first = host.loader.receive(words(Opcode.SPI_FLASH_MD5, 0, 2_400_000, 0, 0), 10.0)
    second = host.loader.receive(words(Opcode.READ_REG, 0x40001000), 10.5)
    assert (first[0].at, second[0].at) == (pytest.approx(11.0), pytest.approx(11.0))


def test_the_fake_cpu_is_not_run_by_the_loader() -> None:
    host = rom()
    upload(host, dict(STUB.segments), STUB.entry)
    assert isinstance(host.loader.chip.cpu, FakeCpu)
    assert host.loader.chip.cpu.calls == []


def test_while_it_works_it_keeps_what_fits_the_fifo_and_no_more() -> None:
    host = rom(timing=REAL)
    question = words(Opcode.SPI_FLASH_MD5, 0, 65536, 0, 0)  # 26 bytes on the line
    answered = [bool(host.loader.receive(question, 0.0)) for _ in range(7)]
    assert answered == [True] * 5 + [False] * 2  # one at work, four in 128 bytes
    assert host.loader.receive(question, 0.05)  # one of them is at work by now
    assert not host.loader.receive(question, 0.05)
