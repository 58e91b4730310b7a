from __future__ import annotations

import pytest

from fbuild_watch.virtual import esp32c3
from fbuild_watch.virtual.esp32c3 import EFUSE_BLOCK1, LAYOUT, SPI1, UART, UART_CLKDIV, UART_DATE
from fbuild_watch.virtual.nor import BLOCK
from fbuild_watch.virtual.registers import ROM_MAGIC, Registers
from fbuild_watch.virtual.rtc_watchdog import KEY
from fbuild_watch.virtual.spi_controller import USR_START

MAC = bytes.fromhex("02a1b2c3d4e5")
WDT = LAYOUT.watchdog
assert WDT is not None


def make(*, attached: bool = True, flash_size: int = 64 * BLOCK) -> Registers:
    registers = Registers(LAYOUT, MAC, flash_size)
    registers.spi.attached = attached
    return registers


def read(registers: Registers, address: int) -> int:
    value = registers.read(address)
    assert value is not None
    return value


def spi(registers: Registers, command: int, bits: int, *, address: int = 0, data: int = 0) -> int:
    """Do what esptool does for one command of the flash chip."""
    for register, value in [
        (LAYOUT.spi.miso, bits - 1),
        (LAYOUT.spi.user2, 7 << 28 | command),
        (LAYOUT.spi.addr, address),
        (LAYOUT.spi.w0, data),
        (LAYOUT.spi.cmd, USR_START),
    ]:
        assert registers.write(register, value, 0.0)
    assert read(registers, LAYOUT.spi.cmd) & USR_START == 0
    return read(registers, LAYOUT.spi.w0)


def test_efuses_hold_mac_package_and_revision() -> None:
    registers = make()
    low, high = read(registers, EFUSE_BLOCK1), read(registers, EFUSE_BLOCK1 + 4)
    assert high.to_bytes(2, "big") + low.to_bytes(4, "big") == MAC
    burnt = esp32c3.efuses(MAC, package=1, revision=(1, 9))
    word3, word5 = burnt[EFUSE_BLOCK1 + 12], burnt[EFUSE_BLOCK1 + 20]
    assert word3 >> 21 & 7 == 1
    assert (word5 >> 24 & 3, (word5 >> 23 & 1) << 3 | word3 >> 18 & 7) == (1, 9)


def test_rom_and_efuses_keep_their_value() -> None:
    registers = make()
    for address in (ROM_MAGIC, EFUSE_BLOCK1, UART_DATE):
        before = read(registers, address)
        assert registers.write(address, ~before & 0xFFFFFFFF, 0.0)
        assert read(registers, address) == before


def test_elsewhere_there_is_no_register() -> None:
    assert make().read(0x3FC80000) is None
    assert make().write(0x3FC80000, 1, 0.0) is False


def test_the_divider_follows_the_baud_rate() -> None:
    registers = make()
    for baud in (115200, 460800, 921600):
        registers.baud = baud
        word = read(registers, UART_CLKDIV)
        assert 40e6 / ((word & 0xFFF) + (word >> 20) / 16) == pytest.approx(baud, rel=0.002)
        assert UART.baud_of(word) == pytest.approx(baud, rel=0.002)


@pytest.mark.parametrize(("blocks", "code"), [(16, 0x14), (64, 0x16), (256, 0x18)])
def test_the_flash_chip_says_its_size(blocks: int, code: int) -> None:
    registers = make(flash_size=blocks * BLOCK)
    assert spi(registers, 0x9F, 24) == code << 16 | 0x4020
    assert spi(registers, 0x5A, 32, address=0x1C) == blocks * BLOCK * 8 - 1


def test_sfdp_has_its_signature_and_ends() -> None:
    assert spi(make(), 0x5A, 32) == int.from_bytes(b"SFDP", "little")
    assert spi(make(), 0x5A, 16, address=0x1000) == 0xFFFF


def test_status_registers_keep_what_is_written() -> None:
    registers = make()
    for read_command, write_command in [(0x05, 0x01), (0x35, 0x31), (0x15, 0x11)]:
        spi(registers, 0x06, 8)
        spi(registers, write_command, 8, data=write_command)
        assert spi(registers, read_command, 8) == write_command


def test_commands_without_an_answer_read_as_ones() -> None:
    assert spi(make(), 0x66, 8) == 0xFF


def test_before_attach_the_flash_is_silent() -> None:
    assert spi(make(attached=False), 0x9F, 24) == 0xFFFFFF


def test_spi_registers_are_memory() -> None:
    registers = make()
    registers.write(SPI1 + 0x18, 0x12345678, 0.0)
    assert read(registers, SPI1 + 0x18) == 0x12345678


def arm(registers: Registers, key: int, action: int, now: float) -> float | None:
    registers.write(WDT.protect, key, now)
    registers.write(WDT.config1, 2000, now)
    registers.write(WDT.config0, 1 << 31 | action << 28 | 1 << 8 | 2, now)
    registers.write(WDT.protect, 0, now)
    return registers.reset_due


def test_the_watchdog_fires_after_its_ticks() -> None:
    assert arm(make(), KEY, 5, 10.0) == pytest.approx(10.0 + 2 * 2000 / 136_000)


def test_a_locked_or_actionless_watchdog_does_not_fire() -> None:
    assert arm(make(), 1, 5, 10.0) is None
    assert arm(make(), KEY, 0, 10.0) is None


def test_switching_the_watchdog_off() -> None:
    registers = make()
    arm(registers, KEY, 5, 10.0)
    registers.write(WDT.protect, KEY, 10.0)
    registers.write(WDT.config0, 0, 10.0)
    assert registers.reset_due is None
