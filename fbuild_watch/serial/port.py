"""An open port: one object, one open device, two faces.

The async face is for the console, the blocking one (`Port.blocking`) for esptool in its thread. Both
work on the very same open file or socket, so handing the port over neither closes it (closing and
opening moves DTR and RTS, which resets boards) nor loses a byte that has arrived.

Rules
- One holder at a time (`lease.PortLease` sees to that). Within the async face one task may receive
  while another sends or moves the lines.
- "You closed it" is trio.ClosedResourceError; "it broke" is PortLost.
- The blocking face raises what pyserial raises (serial.SerialException), for esptool expects that.
  Its `close()` does nothing: the port belongs to whoever opened it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, Protocol

import trio

from fbuild_watch.errors import PortUnusable
from fbuild_watch.serial.line_policy import OFF, Rest

DRAIN_LOOK = 0.005
"""Seconds between two looks whether everything is sent."""
RESET_HOLD = 0.1
"""Seconds that EN is held low for a reset: esptool's `hard_reset` of a UART bridge."""

BREAK_HOLD = 0.25
"""Seconds of a break, as pyserial and tcsendbreak(3) have it."""


class SerialLike(Protocol):
    """The part of pyserial's `Serial` that esptool 5 uses."""

    name: str
    port: str
    timeout: float | None
    write_timeout: float | None
    baudrate: int
    dtr: bool
    rts: bool

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read without waiting."""

    def read(self, size: int = 1) -> bytes:
        """Up to `size` bytes; fewer when `timeout` seconds passed."""

    def write(self, data: bytes) -> int | None:
        """Send everything, or raise serial.SerialTimeoutException."""

    def reset_input_buffer(self) -> None:
        """Forget what has arrived."""

    def reset_output_buffer(self) -> None:
        """Forget what is not sent yet."""

    def flush(self) -> None:
        """Wait until everything is sent."""

    def set_lines(self, *, dtr: bool, rts: bool) -> None:
        """Set both lines, in one step where the driver or the protocol can."""

    def close(self) -> None:
        """Do nothing: the port's owner closes it."""


class Port(ABC):
    """An open port. `name` is as the user wrote it."""

    name: str
    has_modem_lines: bool
    rest: Rest = OFF
    """How the modem lines are while nobody moves them."""

    @abstractmethod
    async def receive_some(self) -> bytes:
        """At least one byte, as soon as there is one. A cancelled call loses none.

        Raises: PortLost when the port broke, trio.ClosedResourceError when we closed it.
        """

    @abstractmethod
    async def send_all(self, data: bytes) -> None:
        """Send `data`. Raises as `receive_some` does."""

    def unsent(self) -> int:
        """Bytes that `send_all` took and that have not left this machine."""
        return 0

    async def drain(self) -> None:
        """Wait until nothing is unsent. The caller limits it: a board may take nothing."""
        while self.unsent():  # noqa: ASYNC110 - no driver tells when that is
            await trio.sleep(DRAIN_LOOK)

    @abstractmethod
    async def set_baud(self, baud: int) -> None:
        """Change the speed (bits a second), if it differs. Raises PortUnusable for one it cannot."""

    @abstractmethod
    async def set_lines(self, *, dtr: bool, rts: bool) -> None:
        """Set both modem lines (True: asserted, that is low). Raises PortUnusable without lines."""

    @abstractmethod
    def lines(self) -> dict[Literal["dtr", "rts"], bool]:
        """How the modem lines were set last, by name."""

    @abstractmethod
    async def set_break(self, on: bool) -> None:
        """Hold the transmit line low, or no more. Raises PortUnusable where that cannot be done."""

    @abstractmethod
    def blocking(self) -> SerialLike:
        """The pyserial-like face of this same open port, for one thread at a time."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close it, within seconds whatever the driver does. Again: does nothing."""

    async def reset(self) -> None:
        """Restart the board into its firmware: RTS pulls EN low, DTR leaves the boot strap high.

        Raises PortUnusable where there are no modem lines.
        """
        await self.set_lines(dtr=False, rts=True)
        try:
            await trio.sleep(RESET_HOLD)
        finally:
            with trio.CancelScope(shield=True):
                await self.set_lines(dtr=False, rts=False)
                await self.rest_lines()

    async def rest_lines(self) -> None:
        """Let the modem lines rest again, whoever has moved them."""
        if self.has_modem_lines and self.lines() != {"dtr": self.rest.dtr, "rts": self.rest.rts}:
            await self.set_lines(dtr=self.rest.dtr, rts=self.rest.rts)

    async def send_break(self) -> None:
        """Hold the transmit line low for BREAK_HOLD. Raises as `set_break` does."""
        await self.set_break(True)
        try:
            await trio.sleep(BREAK_HOLD)
        finally:
            with trio.CancelScope(shield=True):
                await self.set_break(False)

    def _no_lines(self) -> PortUnusable:
        return PortUnusable(
            self.name,
            "it has no DTR and RTS lines",
            hint="press the board's own button, or use a port that has them (a device, rfc2217://)",
        )
