"""The blocking face of a device: pyserial's own `Serial`, which its borrower cannot close."""

from __future__ import annotations

import serial


class LentSerial(serial.Serial):  # type: ignore[misc]  # pyserial has no types
    """A `serial.Serial` that only its owner closes: esptool closes the port of a failed connect."""

    def set_lines(self, *, dtr: bool, rts: bool) -> None:
        """Set both lines, one after the other."""
        self.dtr = dtr
        self.rts = rts

    def close(self) -> None:
        """Do nothing; see `close_for_good`."""

    def close_for_good(self) -> None:
        """Close the device."""
        super().close()
