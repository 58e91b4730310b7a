"""How DTR and RTS rest."""

from __future__ import annotations

import pytest

from fbuild_watch.serial.line_policy import OFF, Rest, rest_of
from fbuild_watch.serial.ports import PortInfo

KINDS = {
    "CP2102": (0x10C4, 0xEA60, OFF),
    "CH340": (0x1A86, 0x7523, OFF),
    "FT232": (0x0403, 0x6001, OFF),
    "ESP USB-Serial/JTAG": (0x303A, 0x1001, OFF),
    "ESP32-S2 ROM": (0x303A, 0x0002, OFF),
    "ESP-USB-Bridge": (0x303A, 0x1002, OFF),
    "ESP32-S3 firmware, TinyUSB": (0x303A, 0x8000, Rest(dtr=True)),
    "Pico": (0x2E8A, 0x000A, Rest(dtr=True)),
    "Leonardo": (0x2341, 0x8036, Rest(dtr=True)),
    "Uno": (0x2341, 0x0043, Rest(dtr=True, kept=True)),
    "Mega, arduino.org": (0x2A03, 0x0042, Rest(dtr=True, kept=True)),
    "Teensy": (0x16C0, 0x0483, Rest(dtr=True)),
    "STM32 VCP": (0x0483, 0x5740, Rest(dtr=True)),
    "ST-Link": (0x0483, 0x374B, OFF),
}


@pytest.mark.parametrize("name", KINDS)
def test_by_what_is_behind_the_port(name: str) -> None:
    vid, pid, rest = KINDS[name]
    assert rest_of(PortInfo("x", vid=vid, pid=pid), {}) == rest


def test_what_the_project_says_counts_first() -> None:
    uno = PortInfo("x", vid=0x2341, pid=0x0043)
    assert rest_of(uno, {"dtr": "0"}) == OFF
    assert rest_of(uno, {"rts": "1"}) == Rest(dtr=True, rts=True, kept=True)
    assert rest_of(None, {"dtr": "1", "rts": "on"}) == Rest(dtr=True, rts=True)
    assert rest_of(None, {"dtr": "maybe"}) == OFF
    assert rest_of(None, {}) == OFF
