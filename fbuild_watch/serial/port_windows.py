"""A serial device on Windows: pyserial reads it in a thread, for COM ports cannot be waited for.

Written with pyserial's portable interface only, so that the same class is tested on a pty; on
Windows itself it has not been run.

Rules
- A read ends soon after it is cancelled, and what it got is kept for the next one, whose ever it is.
- Windows opens a COM port for one process alone; it does not say for which.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import trio

from fbuild_watch.errors import PortLost, PortUnusable
from fbuild_watch.serial.lent import LentSerial
from fbuild_watch.serial.line_policy import OFF, Rest
from fbuild_watch.serial.port import Port, SerialLike
from fbuild_watch.serial.translate import opening, using

_LONGEST_READ = 0.2
"""Seconds until a read looks whether it is still wanted: `cancel_read` can come before the read."""
_CLOSE_LIMIT = 2.0


class ThreadedPort(Port):
    """An open serial device, read in a worker thread."""

    has_modem_lines = True

    def __init__(self, name: str, device: Any, rest: Rest = OFF) -> None:
        """Take over `device`, an open `LentSerial`."""
        self.name = name
        self.rest = rest
        self._serial = device
        self._closed = False
        self._reading, self._writing = threading.Lock(), threading.Lock()

    async def receive_some(self) -> bytes:
        """See `Port.receive_some`."""
        while not self._serial.ahead:
            wanted = threading.Event()
            wanted.set()
            await self._in_thread(
                partial(self._read_while, wanted), partial(self._stop_reading, wanted)
            )
            self._check_open()
        data, self._serial.ahead = self._serial.ahead, b""
        return bytes(data)

    def _read_while(self, wanted: threading.Event) -> None:
        with self._reading:
            if self._closed:
                return
            self._serial.timeout = _LONGEST_READ
            data = b""
            while wanted.is_set() and not self._closed and not data:
                data = self._serial.read(1)
            if data:
                self._serial.ahead = data + self._serial.read(self._serial.in_waiting)

    def _stop_reading(self, wanted: threading.Event) -> None:
        wanted.clear()
        self._serial.cancel_read()

    async def send_all(self, data: bytes) -> None:
        """See `Port.send_all`."""
        self._check_open()
        await self._in_thread(partial(self._write, data), self._serial.cancel_write)

    def _write(self, data: bytes) -> None:
        with self._writing:
            self._serial.write(data)

    async def _in_thread(self, function: Callable[[], object], stop: Callable[[], object]) -> None:
        """Run `function` in a thread that is never abandoned: being cancelled, we `stop` it."""
        lost: PortLost | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._when_cancelled, stop)
            try:
                await self._call(function)
            except PortLost as error:
                lost = error
            nursery.cancel_scope.cancel()
        if lost is not None:
            raise lost

    async def _when_cancelled(self, stop: Callable[[], object]) -> None:
        try:
            await trio.sleep_forever()
        finally:
            if not self._closed:
                stop()

    def unsent(self) -> int:
        """See `Port.unsent`: what the driver still has."""
        self._check_open()
        with using(self.name):
            waiting: int = self._serial.out_waiting
        return waiting

    async def set_baud(self, baud: int) -> None:
        """See `Port.set_baud`."""
        self._check_open()
        before = self._serial.baudrate
        try:
            await self._call(setattr, self._serial, "baudrate", baud)
        except PortLost as error:
            # Raises PortLost if it is the port that is gone.
            await self._call(setattr, self._serial, "baudrate", before)
            raise PortUnusable(self.name, f"{baud} baud", hint="use a common baud rate") from error

    async def set_lines(self, *, dtr: bool, rts: bool) -> None:
        """See `Port.set_lines`; RTS last, for some drivers only act on a write of both."""
        self._check_open()
        await self._call(setattr, self._serial, "dtr", dtr)
        await self._call(setattr, self._serial, "rts", rts)
        await self._call(setattr, self._serial, "dtr", dtr)

    def lines(self) -> dict[Literal["dtr", "rts"], bool]:
        """See `Port.lines`."""
        self._check_open()
        return {"dtr": self._serial.dtr, "rts": self._serial.rts}

    async def set_break(self, on: bool) -> None:
        """See `Port.set_break`."""
        self._check_open()
        await self._call(setattr, self._serial, "break_condition", on)

    async def _call(self, function: Any, *args: Any) -> None:
        with using(self.name):
            await trio.to_thread.run_sync(function, *args)

    def blocking(self) -> SerialLike:
        """See `Port.blocking`."""
        self._check_open()
        return self._serial  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        """See `Port.aclose`."""
        if self._closed:
            return
        self._closed = True
        self._serial.cancel_read()
        self._serial.cancel_write()
        with trio.move_on_after(_CLOSE_LIMIT, shield=True):
            await trio.to_thread.run_sync(self._close, abandon_on_cancel=True)

    def _close(self) -> None:
        with self._reading, self._writing:
            self._serial.close_for_good()

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError(f"{self.name} was closed here")


async def open_device(name: str, baud: int, rest: Rest = OFF) -> ThreadedPort:
    """Open the device `name`. Raises PortNotFound, PortBusy, PortUnusable."""
    return ThreadedPort(name, await trio.to_thread.run_sync(_open, name, baud, rest), rest)


def _open(name: str, baud: int, rest: Rest) -> LentSerial:
    with opening(name):
        device = LentSerial(baudrate=baud)
        device.port = name
        device.dtr, device.rts = rest.dtr, rest.rts
        device.open()
        return device
