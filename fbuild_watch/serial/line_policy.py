"""How DTR and RTS rest while a board is talked to, by what is behind the port. Pure.

Rules
- An auto-reset circuit (two transistors, on most ESP boards) resets on RTS without DTR: both off.
- A chip with USB of its own sends only to a host that asserts DTR (CDC PSTN 1.2, table 17; so do the
  cores of Arduino, TinyUSB, STM32duino, Teensy).
- An Uno or Mega resets when DTR begins to be asserted, which the kernel does as it opens a port: DTR
  is kept on, and left so when the port is closed, so that the next one who opens it resets nothing.
- What the project says (`monitor_dtr`, `monitor_rts`) counts before all that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fbuild_watch.serial.ports import PortInfo


class Rest(NamedTuple):
    """Both lines; True: asserted, that is low."""

    dtr: bool = False
    rts: bool = False
    kept: bool = False
    """Whether they stay as they are when the port is closed."""


OFF = Rest()

_ESPRESSIF, _ARDUINO, _ARDUINO_ORG = 0x303A, 0x2341, 0x2A03
_OWN_USB = {
    _ESPRESSIF, _ARDUINO, _ARDUINO_ORG,
    0x239A,  # Adafruit
    0x2886,  # Seeed
    0x1B4F,  # SparkFun
    0x2E8A,  # Raspberry Pi
}  # fmt: skip
"""Vendors whose ports are a chip's own USB. The exceptions stand below."""
_OWN_USB_PORTS = {(0x0483, 0x5740), (0x16C0, 0x0483)}
"""STM32's virtual COM port, Teensy."""
_NEEDS_NOTHING = {(_ESPRESSIF, 0x1001), (_ESPRESSIF, 0x0002), (_ESPRESSIF, 0x1002)}
"""USB-Serial/JTAG, where these two lines are the reset; the S2's ROM; ESP-USB-Bridge, a UART."""
_RESETS_ON_DTR = {
    (vendor, product)
    for vendor in (_ARDUINO, _ARDUINO_ORG)
    for product in (0x0001, 0x0010, 0x0042, 0x0043, 0x0044, 0x0243)
}
"""Uno and Mega, of all makes of their USB chip (boards.txt of Arduino's AVR core)."""

_WORDS = {"0": False, "no": False, "off": False, "false": False, "1": True, "yes": True, "on": True,
          "true": True}  # fmt: skip


def rest_of(port: PortInfo | None, monitor: Mapping[str, str]) -> Rest:
    """How the lines rest. `monitor`: the project's options, by their names without `monitor_`."""
    usual = _usual((port.vid, port.pid) if port else (None, None))
    dtr, rts = (_WORDS.get(monitor.get(line, "").strip().lower()) for line in ("dtr", "rts"))
    dtr, rts = usual.dtr if dtr is None else dtr, usual.rts if rts is None else rts
    return Rest(dtr, rts, kept=usual.kept and dtr)


def _usual(kind: tuple[int | None, int | None]) -> Rest:
    if kind in _RESETS_ON_DTR:
        return Rest(dtr=True, kept=True)
    own = kind[0] in _OWN_USB or kind in _OWN_USB_PORTS
    return Rest(dtr=own and kind not in _NEEDS_NOTHING)
