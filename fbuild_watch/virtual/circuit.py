"""The devkit's reset circuit: DTR and RTS of the USB bridge on one side, EN and IO9 on the other.

Two transistors, cross-coupled (ESP32-C3-DevKitM-1 schematic; IO9 is IO0 on older chips):

    DTR RTS | EN   IO9        1 = asserted, which is a low level on the bridge's pin
     0   0  | high high
     0   1  | low  high       held in reset
     1   0  | high low        download mode, when EN rises now
     1   1  | high high

Rules
- A client that sets the lines one after the other passes through "both asserted" on its way
  from reset to download mode. On the desk the capacitor on EN hides that; over a network it
  takes a round trip or more, so EN stays low for up to `HOLD` seconds in that state.
- Only when it is entered with EN low: raising both from rest (as opening a port does) resets
  nothing.
"""

from __future__ import annotations

from typing import Protocol

from fbuild_watch.virtual.cpu import ResetCause

HOLD = 0.4
"""Seconds. pyserial's RFC 2217 client takes 50 ms and more between two settings."""


class ResetLines(Protocol):
    """What DTR and RTS lead to. `now` is in seconds."""

    en: bool
    """Low (False): the chip is held in reset."""
    button: bool
    """Whether somebody holds the BOOT button."""
    deadline: float | None
    """When `poll` is to be called; None: nothing changes by itself."""
    download_asked: bool
    """Whether their reset leads into download mode whatever the strapping pin says."""
    cause: ResetCause
    """What the chip takes the reset for when `en` rises."""

    @property
    def io9(self) -> bool:
        """The level of the strapping pin."""

    def set_lines(self, dtr: bool, rts: bool, now: float) -> None:
        """The host has set its lines (True: asserted)."""

    def poll(self, now: float) -> None:
        """Time has passed."""


class ResetCircuit:
    """Lines and time in, the levels of EN and IO9 out (True: high). See ResetLines."""

    cause = ResetCause.POWERON
    download_asked = False

    def __init__(self) -> None:
        self.en = True
        self.button = False
        self.deadline: float | None = None
        self._pulls_io9 = False

    @property
    def io9(self) -> bool:
        """The strapping pin: the button and a transistor pull it low."""
        return not (self.button or self._pulls_io9)

    def set_lines(self, dtr: bool, rts: bool, now: float) -> None:
        """The host has set its lines (True: asserted)."""
        self._pulls_io9 = dtr and not rts
        if dtr and rts and not self.en:
            self.deadline = self.deadline or now + HOLD
        else:
            self.en = not (rts and not dtr)
            self.deadline = None

    def poll(self, now: float) -> None:
        """Time has passed."""
        if self.deadline is not None and self.deadline <= now:
            self.deadline = None
            self.en = True
