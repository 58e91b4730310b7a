"""The stub loader: where it differs from the ROM's."""

from __future__ import annotations

import hashlib
import struct
import zlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.inflate import WINDOW
from fbuild_watch.virtual.loader import Restart, Send, Timed
from fbuild_watch.virtual.protocol import SYNC_DATA, Opcode
from fbuild_watch.virtual.stub import StubLoader
from fbuild_watch.virtual.timing import REAL, Timing
from tests.pure.board_fakes import Host, block, make_chip, parse_reply, request, words

OK = b"\0\0"
BAD_LENGTH, BAD_CHECKSUM, BAD_BLOCKSIZE = b"\xc0\0", b"\xc1\0", b"\xc2\0"
UNKNOWN, SPI_FAILED, NOT_BEGUN, INFLATE = b"\xc3\0", b"\xc4\0", b"\xc6\0", b"\xc7\0"
TOO_MUCH, NOT_IMPLEMENTED = b"\xc9\0", b"\xff\0"
KB, MB = 1 << 10, 1 << 20
CHUNK = 16 * KB


def stub(timing: Timing | None = None) -> Host:
    return Host(StubLoader(make_chip(timing=timing) if timing else make_chip()), 2)


def flash(host: Host, address: int, size: int) -> bytes:
    return host.loader.chip.flash.nor.read(address, size)


def begin(host: Host, address: int, size: int, *, encrypted: int = 0) -> bytes:
    blocks = -(-size // CHUNK)
    return host.ask(words(Opcode.FLASH_BEGIN, size, blocks, CHUNK, address, encrypted))[1]


def begin_compressed(host: Host, address: int, size: int, stream: bytes) -> bytes:
    blocks = -(-len(stream) // CHUNK)
    return host.ask(words(Opcode.FLASH_DEFL_BEGIN, size, blocks, CHUNK, address, 0))[1]


def test_it_greets() -> None:
    assert StubLoader(make_chip()).greet(3.0) == [Timed(3.0, Send(b"OHAI"))]


def test_sync_is_answered_eight_times_with_zero() -> None:
    effects = stub().send(request(Opcode.SYNC, SYNC_DATA))
    replies = [parse_reply(effect.payload) for effect in effects if isinstance(effect, Send)]
    assert [reply.value for reply in replies] == [0] * 8
    assert all(reply.data == OK for reply in replies)


@pytest.mark.parametrize("opcode", sorted(set(StubLoader.table) - {Opcode.FLASH_ENCRYPT_DATA}))
def test_a_wrong_length_has_its_own_code(opcode: int) -> None:
    assert stub().ask(request(opcode, b"abc")) == (b"", BAD_LENGTH)


def test_unknown_commands_and_encryption() -> None:
    assert stub().ask(request(0x55)) == (b"", UNKNOWN)
    assert stub().ask(words(Opcode.READ_FLASH_SLOW, 0, 64)) == (b"", UNKNOWN)
    assert stub().ask(block(Opcode.FLASH_ENCRYPT_DATA, bytes(16))) == (b"", NOT_IMPLEMENTED)
    assert begin(stub(), 0, 4096, encrypted=1) == SPI_FAILED


def test_run_user_code_is_not_answered() -> None:
    assert stub().send(request(Opcode.RUN_USER_CODE)) == []


def test_the_whole_flash_is_there_without_attach_or_parameters() -> None:
    body, status = stub().ask(words(Opcode.SPI_FLASH_MD5, 3 * MB, MB, 0, 0))
    assert (body, status) == (hashlib.md5(b"\xff" * MB).digest(), OK)


# --- writing ---


@given(st.integers(0, 3), st.binary(min_size=1, max_size=40), st.integers(1, 3000))
def test_a_write_erases_only_the_sectors_that_it_needs(
    sector: int, piece: bytes, times: int
) -> None:
    host, data = stub(), piece * times
    before = bytes(512 * KB)
    host.loader.chip.flash.nor.program(0, before)
    address = sector * 4096
    assert begin(host, address, len(data)) == OK
    for start in range(0, len(data), CHUNK):
        padded = data[start : start + CHUNK].ljust(CHUNK, b"\xff")
        assert host.ask(block(Opcode.FLASH_DATA, padded))[1] == OK
    assert host.ask(words(Opcode.FLASH_END, 1)) == (b"", OK)
    end = -(-(address + len(data)) // 4096) * 4096
    blank = b"\xff" * (end - address - len(data))
    expected = before[:address] + data + blank + before[end:]
    assert flash(host, 0, len(before)) == expected


@given(st.binary(max_size=64), st.integers(0, 3000), st.integers(1, CHUNK))
def test_a_compressed_write_may_be_cut_anywhere(piece: bytes, times: int, cut: int) -> None:
    data = piece * times
    assume(len(data) % WINDOW)  # else all is written before the stream ends: see below
    host, stream = stub(), zlib.compress(data, 9)
    assert begin_compressed(host, 0x10000, len(data), stream) == OK
    for start in range(0, len(stream), cut):
        assert host.ask(block(Opcode.FLASH_DEFL_DATA, stream[start : start + cut]))[1] == OK
    assert host.ask(words(Opcode.FLASH_DEFL_END, 1)) == (b"", OK)
    assert flash(host, 0x10000, len(data)) == data


def test_a_checksum_that_comes_alone_is_no_surplus() -> None:
    host, data = stub(), bytes(64 * KB)
    stream = zlib.compress(data)
    begin_compressed(host, 0, len(data), stream)
    assert host.ask(block(Opcode.FLASH_DEFL_DATA, stream[:-4]))[1] == OK
    assert host.ask(block(Opcode.FLASH_DEFL_DATA, stream[-4:]))[1] == OK
    assert host.ask(words(Opcode.FLASH_DEFL_END, 1))[1] == OK


def test_more_than_a_checksum_after_the_last_byte_is_surplus() -> None:
    host, data = stub(), bytes(64 * KB)
    begin_compressed(host, 0, len(data), zlib.compress(data))
    assert host.ask(block(Opcode.FLASH_DEFL_DATA, zlib.compress(data)[:-4]))[1] == OK
    assert host.ask(block(Opcode.FLASH_DEFL_DATA, bytes(5)))[1] == TOO_MUCH


def test_data_is_acknowledged_before_it_is_written() -> None:
    host = stub(REAL)
    begin(host, 0, CHUNK)
    acknowledged = host.loader.receive(block(Opcode.FLASH_DATA, bytes(CHUNK)), 1.0)
    assert acknowledged[0].at == 1.0
    done = host.loader.receive(words(Opcode.READ_REG, 0x40001000), 1.0)
    assert done[0].at == pytest.approx(1.0 + 3 * 0.070 + 64 * 0.0008)


def test_the_first_erase_runs_while_the_data_is_on_the_line() -> None:
    host = stub(REAL)
    host.now = 1.0
    assert begin(host, 0, 4096) == OK
    assert host.now == 1.0
    host.loader.receive(block(Opcode.FLASH_DATA, bytes(CHUNK)), 1.05)
    done = host.loader.receive(words(Opcode.FLASH_END, 1), 1.05)
    assert done[0].at == pytest.approx(1.0 + 0.070 + 16 * 0.0008)


def test_a_whole_block_is_erased_in_one_go() -> None:
    host = stub(REAL)
    start = host.now
    assert host.ask(words(Opcode.ERASE_REGION, 65536, 2 * 65536 + 4096))[1] == OK
    assert host.now - start == pytest.approx(2 * 0.300 + 0.070)


def test_an_error_of_late_work_answers_the_next_command_once() -> None:
    host = stub()
    begin_compressed(host, 0, 4096, bytes(100))
    assert host.ask(block(Opcode.FLASH_DEFL_DATA, b"no zlib"))[1] == OK
    assert host.ask(words(Opcode.READ_REG, 0x40001000)) == (b"", INFLATE)
    assert host.ask(words(Opcode.READ_REG, 0x40001000)) == (b"", OK)


def test_more_data_than_announced() -> None:
    host = stub()
    stream = zlib.compress(bytes(5000))
    begin_compressed(host, 0, 4096, stream)
    assert host.ask(block(Opcode.FLASH_DEFL_DATA, stream))[1] == OK
    assert host.ask(words(Opcode.READ_REG, 0))[1] == TOO_MUCH
    assert flash(host, 0, 5000) == b"\xff" * 5000


def test_an_end_before_all_data_came() -> None:
    host = stub()
    begin(host, 0, 2 * CHUNK)
    host.ask(block(Opcode.FLASH_DATA, bytes(CHUNK)))
    assert host.ask(words(Opcode.FLASH_END, 1))[1] == BAD_LENGTH


def test_data_without_begin_and_with_a_wrong_checksum() -> None:
    host = stub()
    assert host.ask(block(Opcode.FLASH_DATA, bytes(4)))[1] == NOT_BEGUN
    assert host.ask(words(Opcode.FLASH_END, 1))[1] == NOT_BEGUN
    begin(host, 0, 4096)
    wrong = bytearray(block(Opcode.FLASH_DATA, bytes(CHUNK)))
    wrong[4] ^= 1
    assert host.ask(bytes(wrong))[1] == BAD_CHECKSUM
    assert host.ask(block(Opcode.FLASH_DEFL_DATA, bytes(4)))[1] == NOT_BEGUN


def test_blocks_larger_than_the_buffer_and_flash_that_is_not_there() -> None:
    host = stub()
    too_large = words(Opcode.FLASH_BEGIN, 4096, 1, CHUNK + 1, 0, 0)
    assert host.ask(too_large)[1] == BAD_BLOCKSIZE
    assert begin(host, 4 * MB - 1, 2) == SPI_FAILED
    assert host.ask(words(Opcode.SPI_FLASH_MD5, 4 * MB, 1, 0, 0))[1] == SPI_FAILED
    assert host.ask(words(Opcode.ERASE_REGION, 4 * MB, 4096))[1] == SPI_FAILED


def test_ending_with_a_reboot_resets_the_chip() -> None:
    host = stub()
    begin(host, 0, 0)
    sent, reset = host.send(words(Opcode.FLASH_END, 0))
    assert host.taken_apart(sent) == (b"", OK)
    assert reset == Restart(ResetCause.RTC_SW_SYS)


# --- erasing and reading ---


def test_erasing_a_region_and_all() -> None:
    host = stub()
    host.loader.chip.flash.nor.program(0, bytes(4 * MB))
    assert host.ask(words(Opcode.ERASE_REGION, 0x1000, 0x2000))[1] == OK
    assert flash(host, 0, 0x4000) == bytes(0x1000) + b"\xff" * 0x2000 + bytes(0x1000)
    assert host.ask(words(Opcode.ERASE_REGION, 0x1001, 0x1000))[1] == BAD_LENGTH
    assert host.ask(words(Opcode.ERASE_REGION, 0x1000, 0x800))[1] == BAD_LENGTH
    assert host.ask(request(Opcode.ERASE_FLASH))[1] == OK
    assert flash(host, 0, 4 * MB) == b"\xff" * (4 * MB)


def payloads(effects: list[object]) -> list[bytes]:
    return [effect.payload for effect in effects if isinstance(effect, Send)]


@given(st.integers(0, 9000), st.integers(1, 4096))
def test_a_read_is_sent_packet_by_packet_as_it_is_acknowledged(size: int, packet: int) -> None:
    host = stub()
    content = bytes(range(256)) * 40
    host.loader.chip.flash.nor.program(0x8000, content)
    reply, *sent = payloads(list(host.send(words(Opcode.READ_FLASH, 0x8001, size, packet, 64))))
    assert parse_reply(reply).data == OK
    received = b""
    while len(received) < size:
        (data,) = sent
        assert len(data) == min(packet, size - len(received))
        received += data
        sent = payloads(list(host.send(struct.pack("<I", len(received)))))
    assert received == content[1 : 1 + size]
    assert sent == [hashlib.md5(received).digest()]
    assert host.ask(words(Opcode.READ_REG, 0)) == (b"", OK)


def test_a_read_ends_early_on_anything_that_is_no_acknowledgement() -> None:
    host = stub()
    host.send(words(Opcode.READ_FLASH, 0, 8192, 4096, 64))
    (digest,) = payloads(list(host.send(words(Opcode.READ_REG, 0))))
    assert digest == hashlib.md5(b"\xff" * 4096).digest()
    assert host.ask(words(Opcode.READ_REG, 0)) == (b"", OK)


def test_a_read_that_cannot_be() -> None:
    host = stub()
    assert host.ask(words(Opcode.READ_FLASH, 4 * MB, 1, 4096, 64))[1] == SPI_FAILED
    assert host.ask(words(Opcode.READ_FLASH, 0, 4096, 4097, 64))[1] == BAD_LENGTH
    assert host.ask(words(Opcode.READ_FLASH, 0, 4096, 0, 64))[1] == BAD_LENGTH


def test_while_it_works_on_one_frame_it_takes_one_other() -> None:
    loader = StubLoader(make_chip(timing=REAL))
    question = words(Opcode.SPI_FLASH_MD5, 0, 65536, 0, 0)
    assert [bool(loader.receive(question, 0.0)) for _ in range(4)] == [True, True, False, False]
    assert loader.receive(question, 0.03)
