"""Ports over TCP: `rfc2217://HOST:PORT` with modem lines and baud, `socket://HOST:PORT` with bytes only.

Rules
- What goes out first goes into `_unsent`, and whoever can flush sends all of it: a send that was
  cancelled in the middle never leaves half a telnet command on the line.
- A setting is sent only when it differs from what the server has confirmed, and then its
  acknowledgement is waited for (`_CONFIRM_LIMIT`), not a fixed time. Timeouts are ours alone:
  changing one sends nothing. (pyserial's client does otherwise and takes 0.2 s per command.)
- Both faces share the socket, the decoder and the received bytes. The socket is never in blocking
  mode for the async face; the blocking one gives every call its own deadline.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import serial
import trio

from fbuild_watch.errors import PortLost, PortUnusable
from fbuild_watch.serial.port import Port, SerialLike
from fbuild_watch.serial.telnet import (
    PURGE_RECEIVED,
    PURGE_UNSENT,
    Acknowledged,
    Agreed,
    Control,
    Received,
    Setting,
    TelnetClient,
    escape,
)
from fbuild_watch.serial.translate import connecting, no_server, using

_CHUNK = 65536
_CONNECT_LIMIT = 5.0
_CONFIRM_LIMIT = 3.0
"""Seconds that a server may take for one answer; pyserial allows as many."""


class Wire:
    """The state that both faces share: the socket, what came, what is to go. No waiting in here."""

    def __init__(self, name: str, sock: socket.socket, codec: TelnetClient | None) -> None:
        """`codec` is None for a plain socket."""
        self.name = name
        self.sock = sock
        self.codec = codec
        self.received = bytearray()
        self.unsent = bytearray(codec.take_output() if codec else b"")
        self.agreed: bool | None = None
        self.baud = 0
        self.lines: dict[str, bool] = {}
        self._refused: str | None = None

    def queue(self, data: bytes) -> None:
        """Board-bound bytes, to be sent."""
        self.unsent += escape(data) if self.codec else data

    def pull(self) -> None:
        """Take what has come in, once. Raises PortLost when nothing can come any more."""
        data = self.sock.recv(_CHUNK)
        if not data:
            raise PortLost(self.name, "the server closed the connection")
        if self.codec is None:
            self.received += data
            return
        for event in self.codec.feed(data):
            self._handle(event)
        self.unsent += self.codec.take_output()

    def push(self) -> None:
        """Send some of what is to go."""
        del self.unsent[: self.sock.send(self.unsent)]

    def ask_baud(self, baud: int) -> None:
        """Queue a change of speed, if it is one."""
        if baud != self.baud:
            self.baud = baud
            self._ask(Setting.BAUD, baud.to_bytes(4, "big"))

    def ask_lines(self, **wanted: bool) -> None:
        """Queue changes of `dtr` and `rts`, where they are changes."""
        codes = {"dtr": (Control.DTR_OFF, Control.DTR_ON), "rts": (Control.RTS_OFF, Control.RTS_ON)}
        for line, on in wanted.items():
            if self.lines.get(line) != on:
                self.lines[line] = on
                self._ask(Setting.CONTROL, bytes((codes[line][on],)))

    def ask_frame(self) -> None:
        """Queue what never changes: eight bits, no parity, one stop bit, no flow control."""
        self._ask(Setting.DATASIZE, b"\x08")
        self._ask(Setting.PARITY, b"\x01")
        self._ask(Setting.STOPSIZE, b"\x01")
        self._ask(Setting.CONTROL, bytes((Control.NO_FLOW_CONTROL,)))

    def ask_purge(self, which: bytes) -> None:
        """Queue the order to forget bytes that the server still holds."""
        self._ask(Setting.PURGE, which)

    def settled(self) -> bool:
        """Whether every request has its answer. Raises PortUnusable when one was refused."""
        refused, self._refused = self._refused, None
        if refused:
            raise PortUnusable(self.name, refused, hint="use a common baud rate")
        return self.codec is None or not (self.unsent or self.codec.waiting)

    def _ask(self, setting: Setting, value: bytes) -> None:
        if self.codec is not None:
            self.codec.request(setting, value)
            self.unsent += self.codec.take_output()

    def _handle(self, event: Received | Agreed | Acknowledged) -> None:
        if isinstance(event, Received):
            self.received += event.data
        elif isinstance(event, Agreed):
            self.agreed = event.yes
        elif event.setting is Setting.BAUD and event.value != event.asked:
            self.baud = int.from_bytes(event.value, "big")
            wanted = int.from_bytes(event.asked, "big")
            self._refused = f"it cannot do {wanted} baud (it stays at {self.baud})"
        elif event.setting is Setting.PURGE and event.asked == PURGE_RECEIVED:
            self.received.clear()


class TcpPort(Port):
    """An open port of a server: RFC 2217 if `wire` has a codec, else a plain socket."""

    def __init__(self, wire: Wire) -> None:
        """Take over the connected `wire`."""
        self.name = wire.name
        self.has_modem_lines = wire.codec is not None
        self._wire = wire
        self._closed = False
        self._sending = trio.Lock()
        self._pulling = False
        self._pulled = trio.lowlevel.ParkingLot()
        self._blocking = BlockingTcp(wire)

    async def receive_some(self) -> bytes:
        """See `Port.receive_some`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self._check_open()
        while not self._wire.received:
            await self._pull()
        data = bytes(self._wire.received)
        self._wire.received.clear()
        return data

    async def send_all(self, data: bytes) -> None:
        """See `Port.send_all`. What a cancelled call leaves is sent by the next one."""
        self._check_open()
        self._wire.queue(data)
        await self._flush()

    async def set_baud(self, baud: int) -> None:
        """See `Port.set_baud`. A plain socket has no speed: nothing happens."""
        self._check_open()
        if not 0 < baud < 2**32:
            raise PortUnusable(self.name, f"{baud} baud", hint="use a common baud rate")
        self._wire.ask_baud(baud)
        await self._settle()

    async def set_lines(self, *, dtr: bool, rts: bool) -> None:
        """See `Port.set_lines`; both changes travel together."""
        self._check_open()
        if not self.has_modem_lines:
            raise self._no_lines()
        self._wire.ask_lines(dtr=dtr, rts=rts)
        await self._settle()

    def blocking(self) -> SerialLike:
        """See `Port.blocking`."""
        self._check_open()
        return self._blocking

    async def aclose(self) -> None:
        """See `Port.aclose`."""
        if not self._closed:
            self._closed = True
            self._blocking.is_open = False
            trio.lowlevel.notify_closing(self._wire.sock)
            self._wire.sock.close()
        await trio.lowlevel.checkpoint()

    async def begin(self, baud: int) -> None:
        """Negotiate and make the settings. Raises PortUnusable if the server is no RFC 2217 server."""
        wire = self._wire
        wire.sock.settimeout(0)
        if wire.codec is None:
            return
        await self._until(lambda: wire.agreed is not None)
        if not wire.agreed:
            raise _no_rfc2217(self.name)
        wire.ask_lines(rts=False, dtr=False)
        wire.ask_frame()
        wire.ask_baud(baud)
        await self._settle()

    async def _settle(self) -> None:
        await self._until(self._wire.settled)

    async def _until(self, done: Callable[[], bool]) -> None:
        """Send what is queued and take answers until `done`. Raises PortLost after the limit."""
        with trio.move_on_after(_CONFIRM_LIMIT):
            await self._flush()
            while not done():
                await self._pull()
            return
        raise _no_answer(self.name)

    async def _pull(self) -> None:
        """Wait for input and take it; if another task is at it already, wait for that one."""
        if self._pulling:
            await self._pulled.park()
            self._check_open()
            return
        self._pulling = True
        try:
            await self._io(trio.lowlevel.wait_readable, self._wire.pull)
        finally:
            self._pulling = False
            self._pulled.unpark_all()
        if self._wire.unsent:
            await self._flush()

    async def _flush(self) -> None:
        async with self._sending:
            while self._wire.unsent:
                await self._io(trio.lowlevel.wait_writable, self._wire.push)

    async def _io(self, wait: Callable[..., object], act: Callable[[], None]) -> None:
        self._check_open()
        self._wire.sock.settimeout(0)
        with using(self.name):
            await wait(self._wire.sock)  # type: ignore[misc]
            try:
                act()
            except BlockingIOError:
                return

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError(f"{self.name} was closed here")


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
        deadline = _deadline(_CONFIRM_LIMIT)
        self._flush(deadline)
        try:
            while not self._wire.settled():
                if not self._take(deadline()):
                    raise serial.SerialException(str(_no_answer(self.name)))
        except PortUnusable as error:
            raise serial.SerialException(str(error)) from error

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
        except (OSError, PortLost) as error:
            raise serial.SerialException(f"{self.name}: {error}") from error
        return True


async def open_tcp(url: str, baud: int) -> TcpPort:
    """Connect to `rfc2217://HOST:PORT` or `socket://HOST:PORT`.

    Raises: PortNotFound when nobody listens there, PortUnusable for a bad URL or another protocol.
    """
    scheme, host, number = split_url(url)
    sock = await _connect(url, host, number)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    port = TcpPort(Wire(url, sock, TelnetClient() if scheme == "rfc2217" else None))
    try:
        await port.begin(baud)
    except BaseException as error:
        with trio.CancelScope(shield=True):
            await port.aclose()
        if isinstance(error, PortLost):
            raise _no_rfc2217(url) from error
        raise
    return port


async def _connect(url: str, host: str, number: int) -> socket.socket:
    with connecting(url), trio.move_on_after(_CONNECT_LIMIT):
        stream = await trio.open_tcp_stream(host, number)
        return socket.socket(fileno=stream.socket.detach())
    raise no_server(url, f"no answer within {_CONNECT_LIMIT:g} s")


def split_url(url: str) -> tuple[str, str, int]:
    """Scheme, host and port number. Raises PortUnusable with how it should look."""
    parts = urlsplit(url)
    try:
        number = parts.port
    except ValueError:
        number = None
    if parts.scheme not in ("rfc2217", "socket") or not parts.hostname or not number:
        raise PortUnusable(
            url,
            "this is no address of a port",
            hint="write rfc2217://HOST:PORT or socket://HOST:PORT",
        )
    return parts.scheme, parts.hostname, number


def _deadline(seconds: float | None) -> Callable[[], float | None]:
    """A function that says how many seconds are left; None: for ever."""
    if seconds is None:
        return lambda: None
    end = time.monotonic() + seconds
    return lambda: max(0.0, end - time.monotonic())


def _no_answer(name: str) -> PortLost:
    return PortLost(name, f"the server did not answer within {_CONFIRM_LIMIT:g} s")


def _no_rfc2217(name: str) -> PortUnusable:
    return PortUnusable(
        name,
        "the server does not speak RFC 2217",
        hint="use socket://HOST:PORT if it passes bare bytes (without reset and baud)",
    )
