"""Who hears whom: the baud rates of both ends of the line.

Rules
- In download mode the ROM finds the host's rate from the first SYNC (reliable up to
  `AUTOBAUD_LIMIT`) and keeps it until CHANGE_BAUDRATE.
- USB has no baud rate: what the host sets there changes nothing.
"""

from __future__ import annotations

AUTOBAUD_LIMIT = 460800
"""esptool#365: above this the ROM does not find the rate reliably."""

TOLERANCE = 0.03
"""A UART samples in the middle of a bit: some 5 % over 10 bits, shared by both ends."""

USB_RATE = 8_000_000
"""Bits a second: what remains of full-speed USB's 12 Mbit/s for bulk data, roughly."""


class UartRates:
    """A UART and a USB bridge. `boot` is the rate at which the chip speaks after a reset."""

    def __init__(self, boot: int = 115200) -> None:
        self.host = 115200
        self.boot = boot
        self._chip: int | None = boot

    @property
    def chip(self) -> int:
        """The rate at which the chip speaks."""
        return self._chip or self.boot

    def set_host(self, baud: int) -> None:
        """The host's side runs at another rate from now on."""
        self.host = baud

    def set_chip(self, baud: int) -> None:
        """The chip's UART runs at another rate from now on."""
        self._chip = baud

    def reset(self) -> None:
        """The chip came out of reset."""
        self._chip = self.boot

    def await_sync(self) -> None:
        """The ROM waits for a SYNC to find the rate."""
        self._chip = None

    def hear_sync(self, baud: int) -> None:
        """A SYNC came at this rate."""
        if self._chip is None and baud <= AUTOBAUD_LIMIT:
            self._chip = baud

    def chip_hears(self, baud: int) -> bool:
        """Whether the chip understands what was sent at this rate."""
        return self._chip is not None and _same(baud, self._chip)

    def host_hears(self, baud: int) -> bool:
        """Whether the host understands what was sent at this rate."""
        return _same(baud, self.host)


class UsbRates(UartRates):
    """The chip's own USB peripheral: one rate, that of the bus."""

    def __init__(self) -> None:
        super().__init__(USB_RATE)
        self.host = USB_RATE

    def set_host(self, baud: int) -> None:
        """Nothing is at that rate."""

    def set_chip(self, baud: int) -> None:
        """Nothing is at that rate."""

    def await_sync(self) -> None:
        """There is no rate to be found."""


def _same(baud: int, other: int) -> bool:
    return abs(baud - other) <= TOLERANCE * other
