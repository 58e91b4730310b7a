from __future__ import annotations

import pytest

from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.watchdogs import (
    RTC_CONFIG0,
    RTC_CONFIG1,
    RTC_FEED,
    RTC_PROTECT,
    SWD_AUTO_FEED,
    SWD_CONFIG,
    SWD_FEED,
    SWD_KEY,
    SWD_PROTECT,
    TIMG0_CONFIG0,
    TIMG0_CONFIG1,
    TIMG0_CONFIG2,
    TIMG0_FEED,
    TIMG0_PROTECT,
    WDT_KEY,
    Watchdogs,
)

ENABLE = 1 << 31


def unlocked(dogs: Watchdogs) -> Watchdogs:
    for protect, key in ((RTC_PROTECT, WDT_KEY), (SWD_PROTECT, SWD_KEY), (TIMG0_PROTECT, WDT_KEY)):
        assert dogs.write(protect, key, 0.0)
    return dogs


def quiet() -> Watchdogs:
    return unlocked(Watchdogs(0.0, flash_boot=False))


def test_after_a_flash_boot_the_first_to_bite_is_timer_group_0() -> None:
    dogs = Watchdogs(10.0, flash_boot=True)
    assert dogs.deadline == pytest.approx(10.65)
    assert dogs.bite(10.64) is None
    assert dogs.bite(10.66) is ResetCause.TG0WDT_SYS


def test_each_of_the_three_has_to_be_dealt_with() -> None:
    dogs = unlocked(Watchdogs(0.0, flash_boot=True))
    dogs.write(TIMG0_CONFIG0, 0, 0.1)
    assert dogs.bite(1.1) is ResetCause.SUPER_WDT
    dogs.write(SWD_CONFIG, SWD_AUTO_FEED, 0.2)
    assert dogs.bite(2.9) is None
    assert dogs.bite(3.0) is ResetCause.RTCWDT_RTC
    dogs.write(RTC_CONFIG0, 0, 0.3)
    assert dogs.deadline is None
    assert dogs.bite(1e6) is None


def test_a_locked_register_does_not_change() -> None:
    dogs = Watchdogs(0.0, flash_boot=True)
    for address in (TIMG0_CONFIG0, RTC_CONFIG0, SWD_CONFIG, TIMG0_FEED, RTC_FEED):
        before = dict(dogs.registers)
        assert dogs.write(address, 0, 0.5)
        assert dogs.registers == before
    dogs.write(TIMG0_PROTECT, WDT_KEY + 1, 0.5)
    dogs.write(TIMG0_CONFIG0, 0, 0.5)
    assert dogs.bite(0.66) is ResetCause.TG0WDT_SYS


def test_after_a_load_into_ram_none_runs() -> None:
    assert Watchdogs(0.0, flash_boot=False).deadline is None


@pytest.mark.parametrize(
    ("action", "cause"),
    [(2, ResetCause.RTCWDT_CPU), (3, ResetCause.RTCWDT_SYS), (4, ResetCause.RTCWDT_RTC)],
)
def test_the_rtc_watchdog_resets_what_it_is_told_to(action: int, cause: ResetCause) -> None:
    dogs = quiet()
    dogs.write(RTC_CONFIG1, 68_000, 0.0)
    dogs.write(RTC_CONFIG0, ENABLE | action << 28, 5.0)
    assert dogs.deadline == pytest.approx(6.0)
    assert dogs.bite(6.001) is cause


@pytest.mark.parametrize("action", [0, 1])
def test_an_action_that_resets_nothing(action: int) -> None:
    dogs = quiet()
    dogs.write(RTC_CONFIG0, ENABLE | action << 28, 0.0)
    dogs.write(TIMG0_CONFIG0, ENABLE | action << 29, 0.0)
    assert dogs.deadline is None


def test_a_fed_watchdog_starts_anew() -> None:
    dogs = quiet()
    dogs.write(TIMG0_CONFIG1, 40_000 << 16, 0.0)
    dogs.write(TIMG0_CONFIG2, 2_000, 0.0)
    dogs.write(TIMG0_CONFIG0, ENABLE | 3 << 29, 0.0)
    assert dogs.deadline == pytest.approx(2.0)
    dogs.write(TIMG0_FEED, 1, 1.9)
    assert dogs.bite(3.8) is None
    assert dogs.bite(3.95) is ResetCause.TG0WDT_SYS


def test_feeding_the_super_watchdog() -> None:
    dogs = unlocked(Watchdogs(0.0, flash_boot=True))
    dogs.write(TIMG0_CONFIG0, 0, 0.0)
    dogs.write(SWD_CONFIG, SWD_FEED, 0.9)
    assert dogs.bite(1.8) is None
    assert dogs.bite(2.0) is ResetCause.SUPER_WDT


def test_other_registers_are_not_its_business() -> None:
    assert not quiet().write(0x60008000, 1, 0.0)
