"""The blocking face of a device: pyserial's own `Serial`, which its borrower cannot close."""

from __future__ import annotations

import serial


class LentSerial(serial.Serial):  # type: ignore[misc]  # pyserial has no types
    """A `serial.Serial` that only its owner closes: esptool closes the port of a failed connect.

    What its owner has read and nobody has taken (`ahead`) is read first.
    """

    ahead = b""

    def read(self, size: int = 1) -> bytes:
        """Up to `size` bytes; fewer when `timeout` seconds passed."""
        data, self.ahead = self.ahead[:size], self.ahead[size:]
        if len(data) < size:
            data += super().read(size - len(data))
        return data

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read without waiting."""
        return len(self.ahead) + int(super().in_waiting)

    def reset_input_buffer(self) -> None:
        """Forget what has arrived."""
        self.ahead = b""
        super().reset_input_buffer()

    def set_lines(self, *, dtr: bool, rts: bool) -> None:
        """Set both lines, one after the other."""
        self.dtr = dtr
        self.rts = rts

    def close(self) -> None:
        """Do nothing; see `close_for_good`."""

    def close_for_good(self) -> None:
        """Close the device."""
        super().close()
