"""How a board is brought into its bootloader, and out of it: one type for each method.

    Reset
     +- Tight      both lines in one step: the strap cannot be missed between them
     +- Classic    one line after the other, as every driver can
     +- UsbJtag    the chip's own USB-Serial/JTAG, where the lines are requests, not wires
     +- Custom     "D0|R1|W0.1|D1|R0|W0.05|D0" (esptool's custom_reset_sequence)
     +- Watchdog   in by another method, out by the chip's own watchdog
     +- NoReset    the board is in download mode already, or a person brings it there

Pure but for `carry_out`. A sequence is data: lines to set and times to wait.

Rules
- Asserted (True) is low on the pin. RTS asserted alone holds EN low; DTR asserted alone holds the
  boot strap low (ESP32-C3-DevKitM-1 schematic, esptool "Boot Mode Selection").
- `enter` ends with EN released and the strap still low. The chip may need `settle` seconds to read
  it, less where it says that it waits for a download; then `RELAX` lets the strap go.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from fbuild_watch.errors import InvalidReset

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


@dataclass(frozen=True, slots=True)
class Lines:
    """Set DTR and RTS; None leaves a line as it is. Two at once where the port can."""

    dtr: bool | None = None
    rts: bool | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so many seconds."""

    seconds: float


Step = Lines | Wait
Steps = tuple[Step, ...]

HELD = Lines(dtr=False, rts=True)
STRAPPED = Lines(dtr=True, rts=False)
RELAX = Lines(dtr=False, rts=False)

QUICK_HOLD = 0.01
"""Seconds of EN low that reset a board whose EN has the usual 10 kOhm and 1 uF, twice over: the
transistor empties the capacitor at once (esptool's own lower limit is 5 ms). Boards on which this
is too short do not answer, and get `HOLD`."""

HOLD = 0.1
"""What esptool waits."""

SETTLE, LONG_SETTLE = 0.05, 0.55
"""esptool's two delays for the rise of EN; the long one is for boards with a large capacitor."""


class Reset(Protocol):
    """A way into the bootloader."""

    @property
    def enter(self) -> Steps:
        """To a chip that starts with its strap low."""

    @property
    def settle(self) -> float:
        """Seconds until it has read its strap at the latest."""

    @property
    def leave(self) -> Steps:
        """To a chip that starts its firmware."""


@dataclass(frozen=True, slots=True)
class Tight:
    """Both lines change in one step."""

    hold: float = HOLD
    settle: float = SETTLE

    @property
    def enter(self) -> Steps:
        """See Reset."""
        return (HELD, Wait(self.hold), STRAPPED)

    @property
    def leave(self) -> Steps:
        """See Reset."""
        return (HELD, Wait(self.hold), RELAX)


@dataclass(frozen=True, slots=True)
class Classic:
    """One line after the other."""

    hold: float = HOLD
    settle: float = SETTLE

    @property
    def enter(self) -> Steps:
        """See Reset."""
        held = (Lines(dtr=False), Lines(rts=True), Wait(self.hold))
        return (*held, Lines(dtr=True), Lines(rts=False))

    @property
    def leave(self) -> Steps:
        """See Reset."""
        return (Lines(dtr=False), Lines(rts=True), Wait(self.hold), Lines(rts=False))


@dataclass(frozen=True, slots=True)
class UsbJtag:
    """Line changes are requests to the chip's USB core; it wants to see (1,1) between them."""

    settle: float = 0.0
    pause: ClassVar[Wait] = Wait(0.1)

    @property
    def enter(self) -> Steps:
        """See Reset. (1,1) and not (0,0) between the two: esptool, USBJTAGSerialReset."""
        idle, strapped = (Lines(rts=False), Lines(dtr=False)), (Lines(dtr=True), Lines(rts=False))
        reset = (Lines(rts=True), Lines(dtr=False), Lines(rts=True))
        return (*idle, self.pause, *strapped, self.pause, *reset, self.pause, RELAX)

    @property
    def leave(self) -> Steps:
        """See Reset. The device may leave the bus for a moment."""
        return (Lines(dtr=False), Lines(rts=True), Wait(0.2), Lines(rts=False), Wait(0.2))


@dataclass(frozen=True, slots=True)
class Custom:
    """A sequence of one's own: D and R with 0 or 1 set a line, `Ud,r` both, W waits up to 99 seconds."""

    text: str
    settle: float = SETTLE

    @property
    def enter(self) -> Steps:
        """See Reset."""
        return parse(self.text)

    @property
    def leave(self) -> Steps:
        """See Reset."""
        return Tight().leave


@dataclass(frozen=True, slots=True)
class Watchdog:
    """Out by the watchdog of the chip, where it can (esptool's `watchdog-reset`).

    USB-Serial/JTAG resets the core only: a download mode that a button began would go on. The
    watchdog resets all of the chip, which reads its strap again.
    """

    inner: Reset

    @property
    def enter(self) -> Steps:
        """See Reset."""
        return self.inner.enter

    @property
    def settle(self) -> float:
        """See Reset."""
        return self.inner.settle

    @property
    def leave(self) -> Steps:
        """For chips whose watchdog cannot."""
        return self.inner.leave


@dataclass(frozen=True, slots=True)
class NoReset:
    """Nothing is moved. It ends by the chip's watchdog, where that can."""

    enter: ClassVar[Steps] = ()
    settle: ClassVar[float] = 0.0
    leave: ClassVar[Steps] = ()


QUICK = Tight(QUICK_HOLD)
BRIDGE: tuple[Reset, ...] = (
    QUICK,
    Tight(),
    Classic(),
    Tight(settle=LONG_SETTLE),
    Classic(settle=LONG_SETTLE),
)
"""What is tried on a USB-serial bridge, in this order."""

NAMED: dict[str, tuple[Reset, ...]] = {
    "auto": BRIDGE,
    "tight": (Tight(), Tight(settle=LONG_SETTLE)),
    "classic": (Classic(), Classic(settle=LONG_SETTLE)),
    "usb-jtag": (UsbJtag(),),
    "watchdog": (Watchdog(UsbJtag()), Watchdog(Tight()), Watchdog(NoReset())),
    "none": (NoReset(),),
}


def chosen(text: str) -> tuple[Reset, ...]:
    """The methods of a setting: a name of NAMED, or a sequence. Raises InvalidReset."""
    if text in NAMED:
        return NAMED[text]
    parse(text)
    return (Custom(text),)


_STEP = re.compile(r"D([01])|R([01])|U([01]),([01])|W(\d{1,2}(?:\.\d*)?|\.\d+)", re.ASCII)


def parse(text: str) -> Steps:
    """The steps of a custom sequence. Raises InvalidReset."""
    return tuple(_step(part.strip(), text) for part in text.split("|") if part.strip())


def _step(part: str, text: str) -> Step:
    match = _STEP.fullmatch(part)
    if match is None:
        raise InvalidReset(text, part, sorted(NAMED))
    dtr, rts, both_dtr, both_rts, seconds = match.groups()
    if seconds is not None:
        return Wait(float(seconds))
    if both_dtr is not None:
        return Lines(dtr=both_dtr == "1", rts=both_rts == "1")
    return Lines(dtr=_level(dtr), rts=_level(rts))


def _level(digit: str | None) -> bool | None:
    return None if digit is None else digit == "1"


def carry_out(steps: Iterable[Step], port: Any) -> None:
    """Do it on an open port (`SerialLike`). Raises OSError."""
    for step in steps:
        match step:
            case Wait(seconds):
                time.sleep(seconds)
            case Lines(bool() as dtr, bool() as rts):
                port.set_lines(dtr=dtr, rts=rts)
            case Lines(dtr, rts):
                if dtr is not None:
                    port.dtr = dtr
                if rts is not None:
                    port.rts = rts
