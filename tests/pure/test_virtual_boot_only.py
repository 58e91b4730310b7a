"""A board without a CPU says that it has none, and never pretends that firmware runs."""

from __future__ import annotations

import pytest

from fbuild_watch.virtual.boot_only import WATCHDOG, BootOnly
from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.firmware_image import Boot, ReadFlash
from fbuild_watch.virtual.nor import BLOCK, Nor


def make(entry: int | None) -> BootOnly:
    def boot(read_flash: ReadFlash, cause: ResetCause) -> Boot:
        assert read_flash(BLOCK - 1, 2) == b"", "it leaves the flash"
        return Boot(f"banner {cause.name}\r\n".encode(), entry=entry)

    return BootOnly(Nor(bytearray(BLOCK)).read, boot, "Z80")


def test_a_valid_image_is_said_to_run_and_does_not() -> None:
    cpu = make(0x40080000)
    cpu.power_on(1.0, ResetCause.POWERON)
    lines = cpu.take_output().decode().splitlines()
    assert lines[0] == "banner POWERON"
    assert lines[1].startswith("[virtual board] code at 0x40080000 would run now; no Z80")
    assert cpu.run(100.0) is None
    assert cpu.take_output() == b""
    assert cpu.reset_requested is None


def test_a_refused_image_is_tried_again_when_the_watchdog_bites() -> None:
    cpu = make(None)
    cpu.power_on(1.0, ResetCause.POWERON)
    assert cpu.take_output() == b"banner POWERON\r\n"
    assert cpu.run(1.0) == pytest.approx(1.0 + WATCHDOG)
    assert cpu.reset_requested is None
    cpu.run(1.0 + WATCHDOG)
    assert cpu.reset_requested is ResetCause.RTCWDT_RTC
    cpu.halt()
    assert cpu.reset_requested is None


def test_a_ram_program_is_not_run_either() -> None:
    cpu = make(None)
    cpu.start(0x40080000, 1.0)
    assert b"code at 0x40080000 would run now" in cpu.take_output()


def test_memory_keeps_what_is_written_until_the_next_reset() -> None:
    cpu = make(None)
    cpu.load(0x3FFB0000, b"abcde")
    assert cpu.write_word(0x3FFB0008, 0x12345678)
    assert cpu.read_word(0x3FFB0000) == int.from_bytes(b"abcd", "little")
    assert cpu.read_word(0x3FFB0008) == 0x12345678
    assert cpu.read_word(0x3FFB0010) is None
    cpu.halt()
    assert cpu.read_word(0x3FFB0000) is None
