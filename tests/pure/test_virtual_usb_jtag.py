"""A C3 on its own USB-Serial/JTAG port: lines without wires, resets of the core only, no rate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.virtual.board import Mode
from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.esp32c3 import LAYOUT
from fbuild_watch.virtual.personality import ESP32C3, ESP32C3_USB
from fbuild_watch.virtual.protocol import Opcode
from fbuild_watch.virtual.rtc_watchdog import ENABLE, KEY
from fbuild_watch.virtual.slip import encode
from fbuild_watch.virtual.timing import FAST, REAL
from fbuild_watch.virtual.usb_jtag import UsbJtagReset
from tests.pure.board_fakes import READ_MAGIC, SYNC, Desk, words

USB_SEQUENCE = ((0, 0), (1, 0), (1, 1), (0, 1), (0, 1), (0, 0))
"""(DTR, RTS) as esptool's USB-JTAG reset sets them."""
CLASSIC_SEQUENCE = ((0, 0), (0, 1), (1, 1), (1, 0), (0, 0))
HARD_RESET = ((0, 0), (0, 1), (0, 0))


@pytest.fixture
def desk() -> Desk:
    return Desk(FAST, ESP32C3_USB)


def lines(reset: UsbJtagReset, *pairs: tuple[int, int]) -> list[bool]:
    """Set pairs and return whether each of them reset the chip."""
    resets = []
    for dtr, rts in pairs:
        reset.set_lines(bool(dtr), bool(rts), 1.0)
        resets.append(not reset.en)
        reset.poll(2.0)
    return resets


def test_the_table_of_the_peripheral() -> None:
    assert lines(UsbJtagReset(), (0, 0), (1, 0), (1, 1), (0, 0)) == [False] * 4
    assert lines(UsbJtagReset(), (0, 1), (0, 1), (1, 1), (0, 1)) == [True, False, False, True]


def test_the_flag_is_set_and_cleared_with_rts_released() -> None:
    for before, asked in [(((1, 0), (1, 1)), True), (((1, 0), (0, 0)), False), (((1, 1),), False)]:
        reset = UsbJtagReset()
        lines(reset, *before, (0, 1))
        assert reset.download_asked is asked


def test_usb_reset_leads_to_download_mode(desk: Desk) -> None:
    desk.heard()
    desk.lines(*USB_SEQUENCE)
    assert desk.board.mode is Mode.ROM
    assert desk.said.count("reset: USB_UART_CHIP_RESET, download mode") == 1


def test_classic_reset_leads_to_firmware(desk: Desk) -> None:
    desk.lines(*CLASSIC_SEQUENCE)
    assert desk.board.mode is Mode.RUNNING


def test_hard_reset_leads_from_download_mode_to_firmware(desk: Desk) -> None:
    desk.lines(*USB_SEQUENCE, *HARD_RESET)
    assert desk.board.mode is Mode.RUNNING
    assert desk.cpu.calls[-1] == "power_on USB_UART"


def by_hand(desk: Desk) -> None:
    """Enter download mode as a person does: hold BOOT while plugging in."""
    desk.board.power_off()
    desk.board.hold_button(True, desk.now)
    desk.board.power_on(desk.now)
    desk.board.hold_button(False, desk.now)
    assert desk.board.mode is Mode.ROM


def test_a_download_mode_entered_by_hand_persists_over_hard_resets(desk: Desk) -> None:
    by_hand(desk)
    for _ in range(3):
        desk.lines(*HARD_RESET)
        assert desk.board.mode is Mode.ROM


def test_the_watchdog_leads_out_of_it(desk: Desk) -> None:
    by_hand(desk)
    desk.lines(*USB_SEQUENCE)
    desk.send(SYNC)
    watchdog = LAYOUT.watchdog
    assert watchdog is not None
    for address, value in [
        (watchdog.protect, KEY),
        (watchdog.config1, 2000),
        (watchdog.config0, ENABLE | 5 << 28),
    ]:
        desk.send(encode(words(Opcode.WRITE_REG, address, value, 0xFFFFFFFF, 0)))
    desk.heard(0.5)
    assert desk.board.mode is Mode.RUNNING
    assert desk.cpu.calls[-1] == f"power_on {ResetCause.RTCWDT_RTC.name}"


def test_on_a_devkit_a_hard_reset_is_enough() -> None:
    desk = Desk(FAST, ESP32C3)
    by_hand(desk)
    desk.lines(*HARD_RESET)
    assert desk.board.mode is Mode.RUNNING


@given(st.integers(300, 12_000_000), st.integers(300, 12_000_000))
def test_rates_mean_nothing(before: int, after: int) -> None:
    desk = Desk(FAST, ESP32C3_USB)
    desk.lines(*USB_SEQUENCE)
    desk.heard()
    desk.board.set_baud(before, desk.now)
    assert len(desk.replies(SYNC)) == 8
    desk.send(encode(words(Opcode.CHANGE_BAUDRATE, after, 0)))
    assert [reply.value for reply in desk.replies(READ_MAGIC)] == [0x1B31506F]


def test_it_takes_the_time_of_the_bus() -> None:
    desk = Desk(REAL, ESP32C3_USB)
    desk.heard(1.0)
    assert desk.send(b"x" * 10_000, wait=0.03) == b"X" * 10_000
