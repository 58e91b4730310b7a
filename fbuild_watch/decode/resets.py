"""Why a chip says that it was reset: the names in the ROM's banner, in words. Pure.

By name, not by number: the numbers differ between the chips, the names hardly do. Sources: the
`soc_reset_reason_t` of ESP-IDF for ESP32, S2, S3, C2, C3, C6 and H2; their ROMs' banners; the
ESP8266 Arduino core, "Exception causes", for `rst cause`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["power", "brown-out", "watchdog", "software", "sleep", "host", "glitch", "other"]


@dataclass(frozen=True, slots=True)
class Reset:
    """One reset, by the board's own words."""

    name: str
    kind: Kind
    words: str


_NAMES: tuple[tuple[str, Kind, str], ...] = (
    (r"BROWN|_BOD", "brown-out", "brown-out: the supply voltage dropped"),
    (r"GLITCH", "glitch", "a glitch of the supply voltage or of the clock"),
    (r"SUPER_?WDT|SWD", "watchdog", "super watchdog: the chip's own supervisor was not fed"),
    (r"RTC_?WDT|LP_?WDT|OWDT", "watchdog", "RTC watchdog: boot or the firmware's start hung"),
    (r"TG1_?WDT|MWDT1", "watchdog", "watchdog of timer group 1: interrupts were off for too long"),
    (r"T?G?0?_?WDT", "watchdog", "watchdog of timer group 0: a task did not give way, or a hang"),
    (r"DEEP_?SLEEP|DSLEEP|PMU", "sleep", "woken from deep sleep"),
    (r"SW_|_SW|SOFTWARE", "software", "the firmware restarted itself"),
    (r"USB|JTAG", "host", "by the host, through USB or JTAG"),
    (r"POWERON|POWER_ON|CHIP_POWER", "power", "power on, or the EN line"),
    (r"EFUSE", "other", "an eFuse CRC error: a supply problem, or a damaged chip"),
)
_ESP8266: dict[int, tuple[Kind, str]] = {
    1: ("power", "power on"),
    2: ("power", "the reset line"),
    3: ("software", "the firmware restarted itself"),
    4: ("watchdog", "hardware watchdog: the firmware hung"),
}
_BANNER = re.compile(r"\brst:0x[0-9a-fA-F]{1,2} \(([A-Z0-9_ ]{2,40})\)")
_ESP8266_BANNER = re.compile(r"\brst cause: ?(\d)\b")

ADVICE: dict[str, str] = {
    "brown-out": "its supply is too weak for it: try another USB cable or port, or a stronger "
    "supply; radios draw peaks of 0.5 A",
    "glitch": "its supply is unstable: try another USB cable or port",
    "watchdog": "it hangs each time: look at what it prints last, at the flash settings (mode, "
    "size), and at what runs in setup() without giving way",
    "panic": "it crashes each time: the panic is decoded above",
    "software": "its firmware restarts itself soon after each start: look at what it prints last",
    "power": "its EN line or its supply is unstable, or a program toggles DTR and RTS",
    "empty": "there is no firmware where it boots from: flash it",
}
"""What to do about a board that reboots again and again, by why."""


def reset_in(line: str) -> Reset | None:
    """The reset that a line of a ROM's banner tells of."""
    if match := _BANNER.search(line):
        return _named(match[1].strip())
    if match := _ESP8266_BANNER.search(line):
        kind, words = _ESP8266.get(int(match[1]), ("other", ""))
        return Reset(f"cause {match[1]}", kind, words)
    return None


def _named(name: str) -> Reset:
    for pattern, kind, words in _NAMES:
        if re.search(pattern, name):
            return Reset(name, kind, words)
    return Reset(name, "other", "")
