"""The board as a whole: reset and modes, baud rates, time. A fake CPU, times as arguments."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.virtual.board import Mode
from fbuild_watch.virtual.circuit import HOLD
from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.esp32c3 import UART_CLK_CONF, UART_CLKDIV
from fbuild_watch.virtual.protocol import Opcode
from fbuild_watch.virtual.slip import Decoder, encode
from fbuild_watch.virtual.timing import REAL
from tests.pure.board_fakes import READ_MAGIC, STUB, SYNC, Desk, block, parse_reply, words

CHIP_MAGIC = 0x1B31506F


@pytest.fixture
def desk() -> Desk:
    return Desk()


def magic_answered(heard: bytes) -> bool:
    frames = list(Decoder().feed(heard))
    return any(len(f) >= 8 and parse_reply(f).value == CHIP_MAGIC for f in frames)


# --- reset and modes ---


def test_plugged_in_it_boots_from_flash(desk: Desk) -> None:
    assert desk.heard() == b"boot\r\n"
    assert desk.board.mode is Mode.RUNNING
    assert desk.cpu.calls == ["power_on POWERON"]


def test_classic_reset_leads_to_download_mode_with_its_banner(desk: Desk) -> None:
    desk.heard()
    desk.lines((0, 0), (0, 1), (1, 1))
    assert desk.board.mode is Mode.HELD
    desk.board.set_lines(True, False, desk.now)
    banner = desk.heard()
    assert banner.startswith(b"ESP-ROM:esp32c3-api1-20210207\r\n")
    assert b"rst:0x1 (POWERON),boot:0x5 (DOWNLOAD(USB/UART0/1))\r\n" in banner
    assert banner.endswith(b"waiting for download\r\n")


def test_hard_reset_leads_back_to_flash(desk: Desk) -> None:
    desk.download()
    desk.heard()
    desk.lines((0, 1))
    assert desk.heard() == b""
    desk.board.set_lines(False, False, desk.now)
    assert desk.heard() == b"boot\r\n"


def test_a_reset_pulse_may_be_short(desk: Desk) -> None:
    desk.board.set_lines(False, True, desk.now)
    desk.board.set_lines(False, False, desk.now)
    assert desk.cpu.calls == ["power_on POWERON", "halt", "power_on POWERON"]


def test_opening_a_port_does_not_disturb_the_firmware(desk: Desk) -> None:
    desk.lines((1, 0), (1, 1))
    assert desk.cpu.calls == ["power_on POWERON"]


def test_a_hold_that_nobody_ends_ends_by_itself(desk: Desk) -> None:
    desk.lines((0, 1), (1, 1))
    assert desk.board.mode is Mode.HELD
    desk.heard(HOLD)
    assert desk.board.mode is Mode.RUNNING


def test_nothing_is_heard_while_en_is_low(desk: Desk) -> None:
    desk.heard()
    desk.lines((0, 1))
    assert desk.send(SYNC + b"hello", wait=1.0) == b""
    desk.lines((0, 0))
    assert b"HELLO" not in desk.send(b"", wait=1.0)


def test_en_low_cuts_off_what_is_being_said() -> None:
    desk = Desk(REAL)
    desk.heard(1.0)
    desk.send(b"x" * 1000, wait=0.1)
    desk.lines((0, 1), step=0.0)
    assert desk.heard(1.0) == b""


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.floats(0, 0.6)), max_size=20))
def test_whatever_the_lines_do_the_board_can_be_reset(moves: list[tuple[int, int, float]]) -> None:
    desk = Desk()
    for dtr, rts, pause in moves:
        desk.lines((dtr, rts), step=pause)
        desk.send(SYNC)
    desk.lines((0, 0), (0, 1), (0, 0))
    assert desk.board.mode is Mode.RUNNING
    desk.download()
    desk.heard(0.0)
    assert magic_answered(desk.send(SYNC + READ_MAGIC))


# --- loaders ---


def test_rom_then_stub_then_rom_again(desk: Desk) -> None:
    desk.download()
    assert list(Decoder().feed(desk.upload_stub()))[-1] == b"OHAI"
    assert desk.board.mode is Mode.STUB
    begin = encode(words(Opcode.FLASH_BEGIN, 0, 0, 0x4000, 0, 0))
    banner = desk.send(begin + encode(words(Opcode.FLASH_END, 0)))
    assert b"rst:0x3 (RTC_SW_SYS_RST),boot:0x5" in banner
    assert desk.board.mode is Mode.ROM


def test_commands_right_behind_the_upload_reach_the_stub(desk: Desk) -> None:
    desk.download()
    desk.send(SYNC)
    stream = b""
    for address, data in STUB.segments.items():
        stream += encode(words(Opcode.MEM_BEGIN, len(data), 1, len(data), address))
        stream += encode(block(Opcode.MEM_DATA, data))
    stream += encode(words(Opcode.MEM_END, 0, STUB.entry)) + READ_MAGIC
    last = list(Decoder().feed(desk.send(stream)))[-1]
    assert (parse_reply(last).value, parse_reply(last).data) == (CHIP_MAGIC, b"\0\0")


def test_another_ram_program_runs_on_the_cpu(desk: Desk) -> None:
    desk.download()
    desk.send(SYNC + encode(words(Opcode.MEM_BEGIN, 4, 1, 4, 0x3FC80000)))
    desk.send(encode(block(Opcode.MEM_DATA, b"code")))
    heard = desk.send(encode(words(Opcode.MEM_END, 0, 0x3FC80000)))
    assert heard.endswith(b"started\r\n")
    assert desk.cpu.calls[-1] == "start 0x3fc80000"
    assert desk.send(b"hello") == b"HELLO"


def test_the_rom_can_run_what_is_in_flash(desk: Desk) -> None:
    desk.download()
    desk.send(SYNC + encode(words(Opcode.FLASH_BEGIN, 0, 0, 1024, 0, 0)))
    assert desk.send(encode(words(Opcode.FLASH_END, 1))).endswith(b"boot\r\n")
    assert desk.board.mode is Mode.RUNNING


def test_registers_do_not_outlive_a_reset(desk: Desk) -> None:
    desk.download()
    desk.send(SYNC + encode(words(Opcode.WRITE_REG, 0x60002018, 7, 0xFFFFFFFF, 0)))
    desk.download()
    reply = list(Decoder().feed(desk.send(SYNC + encode(words(Opcode.READ_REG, 0x60002018)))))[-1]
    assert parse_reply(reply).value == 0


def watchdog_reset() -> bytes:
    writes = [
        (0x600080A8, 0x50D83AA1),
        (0x60008094, 2000),
        (0x60008090, 1 << 31 | 5 << 28 | 1 << 8 | 2),
        (0x600080A8, 0),
    ]
    return b"".join(encode(words(Opcode.WRITE_REG, a, v, 0xFFFFFFFF, 0)) for a, v in writes)


def test_a_watchdog_reset_samples_the_strap_again(desk: Desk) -> None:
    desk.download()
    desk.send(SYNC + watchdog_reset())
    assert desk.board.mode is Mode.ROM
    assert desk.heard(0.1) == b"boot\r\n"
    assert desk.cpu.calls[-1] == "power_on RTCWDT_RTC"


# --- firmware ---


def test_input_reaches_the_firmware_and_its_output_the_host(desk: Desk) -> None:
    desk.heard()
    assert desk.send(b"hello") == b"HELLO"


def test_a_reset_that_the_firmware_asks_for(desk: Desk) -> None:
    desk.heard()
    desk.cpu.output += b"rebooting\r\n"
    desk.cpu.reset_requested = ResetCause.TG0WDT_SYS
    assert desk.send(b"") == b""
    assert desk.send(b"!") == b"rebooting\r\n!boot\r\n"
    assert desk.cpu.calls[-2:] == ["halt", "power_on TG0WDT_SYS"]


def test_a_running_cpu_is_run_when_it_wants_and_only_then(desk: Desk) -> None:
    desk.heard()
    desk.cpu.next_run = desk.now + 5.0
    desk.send(b"x")
    assert desk.board.deadline == desk.now + 5.0
    desk.cpu.next_run = None
    desk.heard(5.0)
    assert desk.board.deadline is None


# --- baud rates ---


@pytest.mark.parametrize(
    ("baud", "heard"), [(9600, True), (115200, True), (460800, True), (921600, False)]
)
def test_the_rom_finds_the_rate_of_the_first_sync(baud: int, heard: bool) -> None:
    desk = Desk()
    desk.download()
    desk.board.set_baud(baud, desk.now)
    assert magic_answered(desk.send(SYNC + READ_MAGIC)) is heard


def test_the_found_rate_stays(desk: Desk) -> None:
    desk.download()
    desk.send(SYNC)
    desk.board.set_baud(9600, desk.now)
    assert desk.send(SYNC + READ_MAGIC) == b""


def test_a_changed_rate_is_asked_for_at_the_old_and_used_at_the_new(desk: Desk) -> None:
    desk.download()
    desk.send(SYNC)
    answer = desk.send(encode(words(Opcode.CHANGE_BAUDRATE, 921600, 0)))
    assert parse_reply(next(Decoder().feed(answer))).data == bytes(4)
    assert not magic_answered(desk.send(READ_MAGIC))
    desk.board.set_baud(921600, desk.now)
    assert magic_answered(desk.send(READ_MAGIC))


def test_a_wrong_rate_gives_garbage_both_ways(desk: Desk) -> None:
    desk.heard()
    desk.board.set_baud(9600, desk.now)
    heard = desk.send(b"hello")
    assert len(heard) == 5
    assert not set(heard) & set(b"HELLOhello")


def test_a_ram_program_begins_at_the_rate_it_was_loaded_at(desk: Desk) -> None:
    desk.download()
    desk.board.set_baud(460800, desk.now)
    desk.send(SYNC + encode(words(Opcode.MEM_BEGIN, 0, 0, 4, 0x3FC80000)))
    assert desk.send(encode(words(Opcode.MEM_END, 0, 0x3FC80000))).endswith(b"started\r\n")


def test_firmware_may_choose_its_rate(desk: Desk) -> None:
    desk.heard()
    desk.cpu.write_word(UART_CLKDIV, 40)
    assert desk.send(b"x") != b"X"
    desk.board.set_baud(1_000_000, desk.now)
    assert desk.send(b"hello") == b"HELLO"


def test_firmware_may_choose_a_rate_that_takes_both_dividers(desk: Desk) -> None:
    desk.heard()
    desk.cpu.write_word(UART_CLKDIV, 2083 | 5 << 20)
    desk.cpu.write_word(UART_CLK_CONF, 1 << 12)
    assert desk.send(b"x") != b"X"
    desk.board.set_baud(9600, desk.now)
    assert desk.send(b"hello") == b"HELLO"


# --- time ---


def test_a_round_trip_takes_the_wire_and_two_usb_frames() -> None:
    desk = Desk(REAL)
    desk.download()
    desk.heard(1.0)
    desk.send(SYNC, wait=1.0)
    sent = desk.now
    desk.board.receive(READ_MAGIC, sent)
    while not desk.board.poll(desk.now):
        assert desk.board.deadline is not None
        desk.now = desk.board.deadline
    answer = 8 + 4 + 2 + 0
    expected = (len(READ_MAGIC) + answer) * 10 / 115200 + 2 * 0.001
    assert desk.now - sent == pytest.approx(expected, abs=20e-6)


def test_a_late_poll_delays_nothing_but_itself() -> None:
    punctual, late = Desk(REAL), Desk(REAL)
    for desk in (punctual, late):
        desk.download()
        desk.heard(1.0)
        desk.send(SYNC, wait=1.0)
        desk.board.receive(READ_MAGIC * 3, desk.now)
    heard = punctual.heard(0.5)
    assert late.board.poll(late.now + 0.5) == heard
    assert len(heard) == 3 * 14


def test_purging_drops_what_is_not_at_the_chip() -> None:
    desk = Desk(REAL)
    desk.heard(1.0)
    desk.board.receive(b"a" * 64, desk.now)
    heard = desk.heard(0.02)
    desk.board.receive(b"b" * 640, desk.now)
    desk.board.drop_unsent()
    assert heard + desk.heard(1.0) == b"A" * 64


def test_it_says_what_it_does(desk: Desk) -> None:
    desk.download()
    desk.upload_stub()
    assert "EN low: held in reset" in desk.said
    assert "reset: POWERON, download mode" in desk.said
    assert "download mode: SYNC" in desk.said
    assert "the stub loader runs" in desk.said


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_random_bytes_never_hurt(pieces: list[bytes]) -> None:
    desk = Desk()
    desk.download()
    for piece in pieces:
        desk.send(piece)
    desk.send(b"\xc0" + struct.pack("<BBHI", 0, 0x0A, 4, 0) + b"\xc0")
    desk.download()
    assert magic_answered(desk.send(SYNC + READ_MAGIC))
