"""The three watchdogs of an ESP32-C3 as they run after a flash boot. Pure.

Source: technical reference manual, "Watchdog Timers". The times of the flash-boot protection are
the registers' reset values; the clock of timer group 0 follows from what chips show: they reset
0.65 s after a boot that failed (26,000,000 ticks).

Rules
- A watchdog's registers change only while its protect register holds its key.
- A write to a configuration register, and a feed, start the count anew.
- Only stage 0 is modelled: what follows it never comes, because it resets.
"""

from __future__ import annotations

from dataclasses import dataclass

from fbuild_watch.virtual.cpu import ResetCause

RTC_BASE = 0x60008000
TIMG0_BASE = 0x6001F000
RTC_CONFIG0, RTC_CONFIG1 = RTC_BASE + 0x90, RTC_BASE + 0x94
RTC_FEED, RTC_PROTECT = RTC_BASE + 0xA4, RTC_BASE + 0xA8
SWD_CONFIG, SWD_PROTECT = RTC_BASE + 0xAC, RTC_BASE + 0xB0
TIMG0_CONFIG0, TIMG0_CONFIG1, TIMG0_CONFIG2 = (TIMG0_BASE + offset for offset in (0x48, 0x4C, 0x50))
TIMG0_FEED, TIMG0_PROTECT = TIMG0_BASE + 0x60, TIMG0_BASE + 0x64

WDT_KEY = 0x50D83AA1
SWD_KEY = 0x8F1D312A
ENABLE = 1 << 31
RTC_FLASHBOOT = 1 << 12
TIMG0_FLASHBOOT = 1 << 14
SWD_AUTO_FEED, SWD_DISABLE, SWD_FEED = 1 << 31, 1 << 30, 1 << 29

RC_SLOW_HZ = 136_000
TIMG0_HZ = 40_000_000
SWD_SECONDS = 1.0

_RTC_ACTIONS = {2: ResetCause.RTCWDT_CPU, 3: ResetCause.RTCWDT_SYS, 4: ResetCause.RTCWDT_RTC}
_TIMG0_ACTIONS = {2: ResetCause.TG0WDT_CPU, 3: ResetCause.TG0WDT_SYS}


@dataclass(slots=True)
class _Timer:
    """One watchdog: when it bites, and with which reset."""

    started: float
    seconds: float
    cause: ResetCause | None

    @property
    def deadline(self) -> float | None:
        return None if self.cause is None else self.started + self.seconds


class Watchdogs:
    """The RTC watchdog, the super watchdog and that of timer group 0."""

    def __init__(self, now: float, *, flash_boot: bool) -> None:
        """After a flash boot all three run; after a load into RAM none does."""
        self.registers = {
            RTC_CONFIG0: RTC_FLASHBOOT if flash_boot else 0,
            RTC_CONFIG1: 200_000,
            RTC_PROTECT: 0,
            SWD_CONFIG: 0 if flash_boot else SWD_DISABLE,
            SWD_PROTECT: 0,
            TIMG0_CONFIG0: TIMG0_FLASHBOOT if flash_boot else 0,
            TIMG0_CONFIG1: 1 << 16,
            TIMG0_CONFIG2: 26_000_000,
            TIMG0_PROTECT: 0,
        }
        self._rtc = self._rtc_timer(now)
        self._swd = self._swd_timer(now)
        self._timg0 = self._timg0_timer(now)

    def write(self, address: int, value: int, now: float) -> bool:
        """Write a register; False: it is not one of ours."""
        if address in (RTC_PROTECT, SWD_PROTECT, TIMG0_PROTECT):
            self.registers[address] = value
        elif address in (RTC_CONFIG0, RTC_CONFIG1, RTC_FEED):
            if self._unlocked(RTC_PROTECT, WDT_KEY, address, value):
                self._rtc = self._rtc_timer(now)
        elif address == SWD_CONFIG:
            if self._unlocked(SWD_PROTECT, SWD_KEY, address, value):
                self._swd = self._swd_timer(now)
        elif address in (TIMG0_CONFIG0, TIMG0_CONFIG1, TIMG0_CONFIG2, TIMG0_FEED):
            if self._unlocked(TIMG0_PROTECT, WDT_KEY, address, value):
                self._timg0 = self._timg0_timer(now)
        else:
            return False
        return True

    def _unlocked(self, protect: int, key: int, address: int, value: int) -> bool:
        if self.registers[protect] != key:
            return False
        if address not in (RTC_FEED, TIMG0_FEED):
            self.registers[address] = value
        return True

    @property
    def deadline(self) -> float | None:
        """When the next one bites; None: none runs."""
        return min((at for at, _ in self._running()), default=None)

    def bite(self, now: float) -> ResetCause | None:
        """The reset that is due by now, the earliest first."""
        due = [(at, cause) for at, cause in self._running() if at <= now]
        return min(due, key=lambda item: item[0])[1] if due else None

    def _running(self) -> list[tuple[float, ResetCause]]:
        timers = (self._rtc, self._swd, self._timg0)
        return [(timer.started + timer.seconds, timer.cause) for timer in timers if timer.cause]

    def _rtc_timer(self, now: float) -> _Timer:
        config = self.registers[RTC_CONFIG0]
        cause = _RTC_ACTIONS.get(config >> 28 & 7) if config & ENABLE else None
        if config & RTC_FLASHBOOT:
            cause = ResetCause.RTCWDT_RTC
        return _Timer(now, self.registers[RTC_CONFIG1] * 2 / RC_SLOW_HZ, cause)

    def _swd_timer(self, now: float) -> _Timer:
        off = self.registers[SWD_CONFIG] & (SWD_AUTO_FEED | SWD_DISABLE)
        return _Timer(now, SWD_SECONDS, None if off else ResetCause.SUPER_WDT)

    def _timg0_timer(self, now: float) -> _Timer:
        config = self.registers[TIMG0_CONFIG0]
        cause = _TIMG0_ACTIONS.get(config >> 29 & 3) if config & ENABLE else None
        if config & TIMG0_FLASHBOOT:
            cause = ResetCause.TG0WDT_SYS
        prescale = self.registers[TIMG0_CONFIG1] >> 16 or 1 << 16
        return _Timer(now, self.registers[TIMG0_CONFIG2] * prescale / TIMG0_HZ, cause)
