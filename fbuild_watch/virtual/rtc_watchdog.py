"""The RTC watchdog as esptool's `watchdog-reset` uses it: the way out of a stuck download mode.

Its registers lie the same way on all chips that have it usable (esptool: not on the ESP8266,
ESP32, H2, H4 and C6). Not the watchdog that running firmware feeds: that is the machine's.
"""

from __future__ import annotations

from dataclasses import dataclass

KEY = 0x50D83AA1
ENABLE = 1 << 31
SLOW_HZ = 136_000
"""Its clock, RC_SLOW (ESP32-C3 technical reference manual, "Low-power management")."""
DELAY = 2
"""Stage 0 counts that many times longer, with EFUSE_WDT_DELAY_SEL unburnt (ESP-IDF `wdt_hal`)."""


@dataclass(frozen=True, slots=True)
class WatchdogLayout:
    """The addresses of its registers."""

    config0: int
    config1: int
    protect: int


class RtcWatchdog:
    """Its first stage resets the chip when its time is over."""

    def __init__(self, layout: WatchdogLayout) -> None:
        self.deadline: float | None = None
        self._layout = layout
        self._words = {layout.config0: 0, layout.config1: 0, layout.protect: 0}

    def read(self, address: int) -> int | None:
        """Return a register's word; None: not one of the watchdog's."""
        return self._words.get(address)

    def write(self, address: int, value: int, now: float) -> bool:
        """Set a register; False: not one of the watchdog's. A locked one keeps its value."""
        if address not in self._words:
            return False
        protect = self._layout.protect
        if address == protect or self._words[protect] == KEY:
            self._words[address] = value
        if address != protect:
            self._arm(now)
        return True

    def _arm(self, now: float) -> None:
        config = self._words[self._layout.config0]
        resets = config & ENABLE and config >> 28 & 7
        seconds = self._words[self._layout.config1] * DELAY / SLOW_HZ
        self.deadline = now + seconds if resets else None
