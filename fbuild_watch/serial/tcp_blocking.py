"""The blocking face of a TCP port: as much of pyserial's `Serial` as esptool uses.

A setting is sent only when it changes, and its acknowledgement is waited for, not a fixed time;
timeouts are ours alone and are never sent. (pyserial's RFC 2217 client does otherwise and takes
0.2 s for each of esptool's commands.)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import serial

from fbuild_watch.errors import PortLost, PortUnusable
from fbuild_watch.serial.tcp_wire import CONFIRM_LIMIT, Wire, no_answer
from fbuild_watch.serial.telnet import PURGE_RECEIVED, PURGE_UNSENT


class BlockingTcp:
    """The blocking face: what esptool needs of a `serial.Serial`, on the same wire.

    Raises serial.SerialException when the port broke or a setting was refused.
    """

    def __init__(self, wire: Wire) -> None:
        """Share `wire` with the async face."""
        self.name = self.port = wire.name
        self.timeout: float | None = None
        self.write_timeout: float | None = None
        self.is_open = True
        self._wire = wire

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read without waiting."""
        self._take(0)
        return len(self._wire.received)

    def read(self, size: int = 1) -> bytes:
        """Up to `size` bytes; fewer when `timeout` seconds passed."""
        deadline = _deadline(self.timeout)
        received = self._wire.received
        while len(received) < size and self._take(deadline()):
            pass
        data = bytes(received[:size])
        del received[:size]
        return data

    def write(self, data: bytes) -> int:
        """Send everything, or raise serial.SerialTimeoutException after `write_timeout` seconds."""
        self._wire.queue(bytes(data))
        self._flush(_deadline(self.write_timeout))
        return len(data)

    def flush(self) -> None:
        """Wait until everything is sent: `write` has done so."""

    def reset_input_buffer(self) -> None:
        """Forget what has arrived, here and at the server."""
        self._wire.received.clear()
        self._wire.ask_purge(PURGE_RECEIVED)
        self._settle()

    def reset_output_buffer(self) -> None:
        """Forget what the server has not sent to the board yet."""
        self._wire.ask_purge(PURGE_UNSENT)
        self._settle()

    def close(self) -> None:
        """Do nothing: the port's owner closes it."""

    @property
    def baudrate(self) -> int:
        """Bits a second."""
        return self._wire.baud

    @baudrate.setter
    def baudrate(self, baud: int) -> None:
        with _refusals_as_pyserials():
            self._wire.ask_baud(baud)
        self._settle()

    @property
    def dtr(self) -> bool:
        """Whether DTR is asserted (low)."""
        return self._wire.lines.get("dtr", False)

    @dtr.setter
    def dtr(self, on: bool) -> None:
        self._wire.ask_lines(dtr=bool(on))
        self._settle()

    @property
    def rts(self) -> bool:
        """Whether RTS is asserted (low)."""
        return self._wire.lines.get("rts", False)

    @rts.setter
    def rts(self, on: bool) -> None:
        self._wire.ask_lines(rts=bool(on))
        self._settle()

    def set_lines(self, *, dtr: bool, rts: bool) -> None:
        """Set both lines; the changes travel together."""
        self._wire.ask_lines(dtr=dtr, rts=rts)
        self._settle()

    # pyserial's old names, which esptool still uses

    def inWaiting(self) -> int:  # noqa: N802
        """See `in_waiting`."""
        return self.in_waiting

    def flushInput(self) -> None:  # noqa: N802
        """See `reset_input_buffer`."""
        self.reset_input_buffer()

    def flushOutput(self) -> None:  # noqa: N802
        """See `reset_output_buffer`."""
        self.reset_output_buffer()

    def setDTR(self, on: bool) -> None:  # noqa: N802
        """See `dtr`."""
        self.dtr = on

    def setRTS(self, on: bool) -> None:  # noqa: N802
        """See `rts`."""
        self.rts = on

    def isOpen(self) -> bool:  # noqa: N802
        """Whether the owner has not closed it."""
        return self.is_open

    def _settle(self) -> None:
        deadline = _deadline(CONFIRM_LIMIT)
        self._flush(deadline)
        with _refusals_as_pyserials():
            while not self._wire.settled():
                if not self._take(deadline()):
                    raise serial.SerialException(str(no_answer(self.name)))

    def _flush(self, deadline: Callable[[], float | None]) -> None:
        while self._wire.unsent:
            if not self._step(self._wire.push, deadline()):
                raise serial.SerialTimeoutException("Write timeout")

    def _take(self, timeout: float | None) -> bool:
        """Take what comes within `timeout` seconds, and send the answers that telnet wants."""
        came = self._step(self._wire.pull, timeout)
        if self._wire.unsent:
            self._step(self._wire.push, 0)
        return came

    def _step(self, act: Callable[[], None], timeout: float | None) -> bool:
        """Do one transfer within `timeout` seconds; False: it did not come to it."""
        try:
            self._wire.sock.settimeout(timeout)
            act()
        except (TimeoutError, BlockingIOError):
            return False
        except PortLost as error:
            raise serial.SerialException(error.fields()["reason"]) from error
        except OSError as error:
            raise serial.SerialException(f"{self.name}: {error}") from error
        return True


def _deadline(seconds: float | None) -> Callable[[], float | None]:
    """A function that says how many seconds are left; None: for ever."""
    if seconds is None:
        return lambda: None
    end = time.monotonic() + seconds
    return lambda: max(0.0, end - time.monotonic())


@contextmanager
def _refusals_as_pyserials() -> Iterator[None]:
    try:
        yield
    except PortUnusable as error:
        raise serial.SerialException(str(error)) from error
