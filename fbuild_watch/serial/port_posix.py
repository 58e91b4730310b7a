"""A serial device on Linux, macOS and the BSDs: pyserial opens and sets it, trio waits for it.

Rules
- The blocking face is the `serial.Serial` itself; the async face reads and writes its descriptor,
  which pyserial opens non-blocking and without a buffer of its own, so nothing can hide in one.
- Attaching does not reset an ESP board: the kernel raises DTR and RTS together when it opens a port,
  and only DTR off with RTS on pulls EN low. So RTS goes down first, then both as they rest at once.
- A pseudo-terminal answers ENOTTY to modem lines: it is usable, without them.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import termios
from contextlib import suppress
from typing import Literal

import trio

from fbuild_watch.errors import PortBusy, PortLost, PortUnusable
from fbuild_watch.serial.holders import find_rival
from fbuild_watch.serial.lent import LentSerial
from fbuild_watch.serial.line_policy import OFF, Rest
from fbuild_watch.serial.port import Port, SerialLike
from fbuild_watch.serial.translate import opening, using

_CHUNK = 65536
_CLOSE_LIMIT = 2.0
"""Seconds to wait for a close; Linux waits up to 30 for output to drain (`closing_wait`)."""

_MEMORY = 1
"""The major number of /dev/null and its like (Linux, Documentation/admin-guide/devices.txt)."""


class _LentDevice(LentSerial):
    """A device whose two lines change in one call to the driver."""

    def set_lines(self, *, dtr: bool, rts: bool) -> None:
        """See `SerialLike.set_lines`. pyserial keeps its own record of the lines: told after."""
        _write_lines(self.fileno(), dtr=dtr, rts=rts)
        self.rts, self.dtr = rts, dtr


class PosixPort(Port):
    """An open serial device, or the slave side of a pty."""

    def __init__(self, name: str, device: LentSerial, rest: Rest = OFF) -> None:
        """Take over `device`, which is open."""
        self.name = name
        self.rest = rest
        self._serial = device
        self._fd: int = device.fileno()
        self._closed = False
        self.has_modem_lines = _has_modem_lines(self._fd)

    async def receive_some(self) -> bytes:
        """See `Port.receive_some`."""
        while True:
            self._check_open()
            with using(self.name):
                await trio.lowlevel.wait_readable(self._fd)
            with using(self.name), suppress(BlockingIOError):
                return self._read()

    def _read(self) -> bytes:
        data = os.read(self._fd, _CHUNK)
        if not data:  # how an unplugged device and a hung-up pty look
            raise PortLost(self.name, "hung up")
        return data

    async def send_all(self, data: bytes) -> None:
        """See `Port.send_all`."""
        left = memoryview(data)
        while left:
            self._check_open()
            with using(self.name):
                await trio.lowlevel.wait_writable(self._fd)
            with using(self.name), suppress(BlockingIOError):
                left = left[os.write(self._fd, left) :]

    def unsent(self) -> int:
        """See `Port.unsent`: what the driver still has."""
        self._check_open()
        with using(self.name):
            waiting: int = self._serial.out_waiting
        return waiting

    async def set_baud(self, baud: int) -> None:
        """See `Port.set_baud`."""
        self._check_open()
        if baud != self._serial.baudrate:
            await trio.to_thread.run_sync(self._set_baud, baud)

    def _set_baud(self, baud: int) -> None:
        before = self._serial.baudrate
        try:
            with using(self.name):
                self._serial.baudrate = baud
        except PortLost as error:
            with using(self.name):  # raises PortLost if it is the port that is gone
                self._serial.baudrate = before
            raise PortUnusable(
                self.name, f"{baud} baud: {error.fields()['reason']}", hint="use a common baud rate"
            ) from error

    async def set_lines(self, *, dtr: bool, rts: bool) -> None:
        """See `Port.set_lines`; both change in one call to the driver."""
        self._check_open()
        if not self.has_modem_lines:
            raise self._no_lines()
        await trio.to_thread.run_sync(self._set_lines, dtr, rts)

    def _set_lines(self, dtr: bool, rts: bool) -> None:
        with using(self.name):
            _write_lines(self._fd, dtr=dtr, rts=rts)

    def lines(self) -> dict[Literal["dtr", "rts"], bool]:
        """See `Port.lines`; the driver knows, whoever set them."""
        self._check_open()
        if not self.has_modem_lines:
            raise self._no_lines()
        with using(self.name):
            state = _read_lines(self._fd)
        return {"dtr": bool(state & termios.TIOCM_DTR), "rts": bool(state & termios.TIOCM_RTS)}

    async def set_break(self, on: bool) -> None:
        """See `Port.set_break`."""
        self._check_open()
        await trio.to_thread.run_sync(self._set_break, on)

    def _set_break(self, on: bool) -> None:
        with using(self.name):
            self._serial.break_condition = on

    def blocking(self) -> SerialLike:
        """See `Port.blocking`."""
        self._check_open()
        return self._serial

    async def aclose(self) -> None:
        """See `Port.aclose`. What is not sent yet is dropped, so that the close does not wait."""
        if self._closed:
            return
        self._closed = True
        trio.lowlevel.notify_closing(self._fd)
        with trio.move_on_after(_CLOSE_LIMIT, shield=True):
            await trio.to_thread.run_sync(self._close, abandon_on_cancel=True)

    def _close(self) -> None:
        with suppress(OSError, termios.error):
            termios.tcflush(self._fd, termios.TCIOFLUSH)
        with suppress(OSError):
            self._serial.close_for_good()

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError(f"{self.name} was closed here")


async def open_device(name: str, baud: int, rest: Rest = OFF) -> PosixPort:
    """Open the device `name` for us alone. Raises PortNotFound, PortBusy, PortDenied, PortUnusable."""
    return PosixPort(name, await trio.to_thread.run_sync(_open, name, baud, rest), rest)


def _open(name: str, baud: int, rest: Rest) -> LentSerial:
    with opening(name):
        found = os.stat(name)  # noqa: PTH116 - before anything else: is there such a device?
        if os.major(found.st_rdev) != _MEMORY:  # which open() refuses, whoever else has it
            _refuse_if_held(name)
        device = _LentDevice(baudrate=baud, timeout=None, exclusive=True, dsrdtr=True)
        # dsrdtr only tells pyserial's open() to leave DTR alone: it would lower it before RTS.
        device.port = name
        device.rts = False
        device.open()
        try:
            _claim(device.fileno(), rest)
        except BaseException:
            device.close_for_good()
            raise
        return device


def _refuse_if_held(name: str) -> None:
    """Say who reads the device already: most terminal programs take no lock that would tell us."""
    holder = find_rival(name)
    if holder:
        raise PortBusy(name, *holder)


def _claim(fd: int, rest: Rest) -> None:
    """Let the lines rest, and nobody open the device besides us (TIOCEXCL; pyserial has flock)."""
    _write_lines(fd, dtr=rest.dtr, rts=rest.rts)
    fcntl.ioctl(fd, termios.TIOCEXCL)
    if rest.kept:
        attributes = termios.tcgetattr(fd)
        attributes[2] &= ~termios.HUPCL
        termios.tcsetattr(fd, termios.TCSANOW, attributes)


def _read_lines(fd: int) -> int:
    state: int = struct.unpack("I", fcntl.ioctl(fd, termios.TIOCMGET, struct.pack("I", 0)))[0]
    return state


def _has_modem_lines(fd: int) -> bool:
    try:
        _read_lines(fd)
    except OSError:
        return False
    return True


def _write_lines(fd: int, *, dtr: bool, rts: bool) -> None:
    """Set DTR and RTS at once; nothing where there are none."""
    try:
        state = _read_lines(fd) & ~(termios.TIOCM_DTR | termios.TIOCM_RTS)
        state |= termios.TIOCM_DTR * dtr | termios.TIOCM_RTS * rts
        fcntl.ioctl(fd, termios.TIOCMSET, struct.pack("I", state))
    except OSError as error:
        if error.errno not in (errno.ENOTTY, errno.EINVAL):  # a pty
            raise
