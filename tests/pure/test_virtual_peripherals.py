from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.virtual import peripherals as regs
from fbuild_watch.virtual.esp32c3 import UART_CLK_CONF, UART_CLKDIV
from fbuild_watch.virtual.peripherals import Peripherals
from fbuild_watch.virtual.watchdogs import RTC_PROTECT, WDT_KEY


@pytest.fixture
def chip() -> Peripherals:
    return Peripherals(100.0, flash_boot=False)


def ticks(chip: Peripherals) -> int:
    chip.write(regs.SYSTIMER_UNIT0_OP, 1 << 30)
    assert chip.read(regs.SYSTIMER_UNIT0_OP) & regs.SYSTIMER_VALID
    return chip.read(regs.SYSTIMER_UNIT0_HI) << 32 | chip.read(regs.SYSTIMER_UNIT0_LO)


def test_the_system_timer_counts_board_time_from_power_on(chip: Peripherals) -> None:
    assert ticks(chip) == 0
    chip.advance(100.5)
    assert ticks(chip) == 8_000_000
    chip.advance(100.0 + 2**33 / 16e6)
    assert ticks(chip) == 2**33


def test_the_timer_shows_what_it_latched(chip: Peripherals) -> None:
    chip.advance(101.0)
    ticks(chip)
    chip.advance(102.0)
    assert chip.read(regs.SYSTIMER_UNIT0_LO) == 16_000_000


def test_uart_counts_and_bytes(chip: Peripherals) -> None:
    chip.uart.receive(b"hi")
    chip.advance(101.0)
    chip.advance(102.0)
    chip.write(regs.UART_FIFO, ord("x"))
    assert chip.read(regs.UART_STATUS) == 2 | 1 << 16
    assert [chip.read(regs.UART_FIFO) for _ in range(3)] == [ord("h"), ord("i"), 0]
    assert chip.uart.output == b"x"


def test_the_uart_takes_its_rate_from_the_registers(chip: Peripherals) -> None:
    clkdiv, clk_conf = chip.read(UART_CLKDIV), chip.read(UART_CLK_CONF)
    chip.write(UART_CLK_CONF, clk_conf | 1 << 12)
    assert chip.uart.baud == pytest.approx(115200 / 2, rel=0.001)
    chip.write(UART_CLKDIV, (clkdiv & 0xFFF) // 2)
    assert chip.uart.baud == pytest.approx(115200, rel=0.01)
    chip.write(regs.UART_ID, 1 << 31)
    assert chip.read(regs.UART_ID) >> 31 == 0


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 21)), max_size=30))
def test_set_and_clear_registers_change_only_their_bits(
    writes: list[tuple[bool, bool, int]],
) -> None:
    chip = Peripherals(0.0, flash_boot=False)
    expected = {False: 0, True: 0}
    for enable, on, pin in writes:
        sets, clears = (
            (regs.GPIO_ENABLE_SET, regs.GPIO_ENABLE_CLEAR)
            if enable
            else (regs.GPIO_OUT_SET, regs.GPIO_OUT_CLEAR)
        )
        chip.write(sets if on else clears, 1 << pin)
        expected[enable] = expected[enable] & ~(1 << pin) | on << pin
    assert chip.read(regs.GPIO_OUT) == expected[False]
    assert chip.read(regs.GPIO_ENABLE) == expected[True]
    driven = expected[False] & expected[True]
    assert chip.read(regs.GPIO_IN) == driven | regs.PULLED_UP & ~expected[True]


def test_a_register_that_is_not_modelled_keeps_what_it_is_given(chip: Peripherals) -> None:
    assert chip.read(0x60040000) == 0
    chip.write(0x60040000, 0xDEADBEEF)
    assert chip.read(0x60040000) == 0xDEADBEEF


def test_watchdog_registers_are_reached(chip: Peripherals) -> None:
    chip.write(RTC_PROTECT, WDT_KEY)
    assert chip.read(RTC_PROTECT) == WDT_KEY
    assert chip.watchdogs.registers[RTC_PROTECT] == WDT_KEY


def test_polls_count_until_something_happens(chip: Peripherals) -> None:
    for _ in range(5):
        chip.read(regs.UART_STATUS)
    chip.read(regs.UART_FIFO)
    assert (chip.polls, chip.progress) == (6, 0)
    chip.write(regs.GPIO_OUT_SET, 1 << 8)
    assert (chip.polls, chip.progress) == (0, 1)
    chip.read(regs.UART_STATUS)
    chip.write(regs.GPIO_OUT_SET, 1 << 8)
    assert (chip.polls, chip.progress) == (1, 1)
    chip.write(regs.UART_FIFO, 0)
    assert (chip.polls, chip.progress) == (0, 2)
