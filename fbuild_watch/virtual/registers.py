"""The registers that esptool reads and writes in download mode, wherever a chip has them.

Not the CPU's peripherals: what running firmware sees is the machine's. Which registers a chip
has, and what never changes in them, is a `Layout` in that chip's own file (`esp32c3.py`).

Rules
- An address that is none of these reads as None: the caller asks the CPU's memory then.
- ROM words and eFuses keep their value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fbuild_watch.virtual.rtc_watchdog import RtcWatchdog, WatchdogLayout
from fbuild_watch.virtual.spi_controller import SpiController, SpiLayout
from fbuild_watch.virtual.uart_clock import UartClock

ROM_MAGIC = 0x40001000
"""A ROM word that tells chips apart."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a chip has its registers."""

    uart: UartClock
    spi: SpiLayout
    words: Mapping[int, int]
    """Words that are the same in every chip of the kind: ROM, dates, calibration."""
    efuses: Callable[[bytes], Mapping[int, int]] = field(repr=False)
    """From the 6 bytes of the MAC, the words burnt into this one chip, by address."""
    watchdog: WatchdogLayout | None = None
    security_info: bytes = b""
    """The answer to GET_SECURITY_INFO, where the chip knows it."""


class Registers:
    """All of a chip's, as they are after a reset."""

    def __init__(self, layout: Layout, mac: bytes, flash_size: int) -> None:
        self.layout = layout
        self.spi = SpiController(layout.spi, flash_size)
        self.baud = 115200
        self._made_of = (mac, flash_size)
        self._watchdog = RtcWatchdog(layout.watchdog) if layout.watchdog else None
        self._fixed = {**layout.words, **layout.efuses(mac)}

    def after_reset(self) -> Registers:
        """Return the registers of the same chip after a reset."""
        return Registers(self.layout, *self._made_of)

    @property
    def reset_due(self) -> float | None:
        """When the watchdog resets the chip; None: it does not."""
        return self._watchdog.deadline if self._watchdog else None

    def read(self, address: int) -> int | None:
        """Return a register's word; None: not one of these."""
        if self.spi.owns(address):
            return self.spi.read(address)
        if address == self.layout.uart.clkdiv:
            return self.layout.uart.divider_of(self.baud)
        watchdog = self._watchdog.read(address) if self._watchdog else None
        return self._fixed.get(address) if watchdog is None else watchdog

    def write(self, address: int, value: int, now: float) -> bool:
        """Set a register; False: not one of these."""
        if self.spi.owns(address):
            self.spi.write(address, value)
            return True
        if self._watchdog and self._watchdog.write(address, value, now):
            return True
        return address in self._fixed or address == self.layout.uart.clkdiv
