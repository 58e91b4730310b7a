"""The reset logic of the USB-Serial/JTAG peripheral: DTR and RTS without wires.

There is no circuit outside the chip: the peripheral interprets the two lines itself
(ESP32-C3 technical reference manual, "USB Serial/JTAG Controller", CDC-ACM):

    DTR RTS |
     0   0  | clears the download flag
     1   0  | sets the download flag
     0   1  | resets the chip, into download mode if the flag is set
     1   1  | nothing

Rules
- Entering 0 1 resets, staying there does not hold the chip.
- The reset is one of the core: the strapping pins are not sampled again, so a download mode that
  was entered with the BOOT button persists (esptool#970).
"""

from __future__ import annotations

from fbuild_watch.virtual.cpu import ResetCause

PULSE = 0.001
"""Seconds that the reset lasts; of the right order, nobody can see it."""


class UsbJtagReset:
    """Lines and time in, a reset out. See circuit.ResetLines."""

    cause = ResetCause.USB_UART

    def __init__(self) -> None:
        self.en = True
        self.button = False
        self.deadline: float | None = None
        self.download_asked = False
        self._flag = False
        self._resets = False

    @property
    def io9(self) -> bool:
        """The strapping pin, which only the button pulls."""
        return not self.button

    def set_lines(self, dtr: bool, rts: bool, now: float) -> None:
        """The host has set its lines (True: asserted)."""
        resets = rts and not dtr
        if resets and not self._resets:
            self.en = False
            self.deadline = now + PULSE
            self.download_asked = self._flag
        self._resets = resets
        if not rts:
            self._flag = dtr

    def poll(self, now: float) -> None:
        """Time has passed."""
        if self.deadline is not None and self.deadline <= now:
            self.deadline = None
            self.en = True
