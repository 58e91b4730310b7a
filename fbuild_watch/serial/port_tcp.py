"""Ports over TCP: `rfc2217://HOST:PORT` with modem lines and baud, `socket://HOST:PORT` with bytes only.

Rules
- Both faces share one `Wire`. Its socket is never in blocking mode for the async face; the blocking
  face (`tcp_blocking`) gives every call its own deadline.
- One task may wait for input while another waits for an acknowledgement: whoever pulls, pulls for
  both.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Literal
from urllib.parse import urlsplit

import trio

from fbuild_watch.errors import PortLost, PortUnusable
from fbuild_watch.serial.line_policy import OFF, Rest
from fbuild_watch.serial.port import Port, SerialLike
from fbuild_watch.serial.tcp_blocking import BlockingTcp
from fbuild_watch.serial.tcp_wire import CONFIRM_LIMIT, Wire, no_answer
from fbuild_watch.serial.telnet import TelnetClient
from fbuild_watch.serial.translate import connecting, no_server, using

_CONNECT_LIMIT = 5.0


class TcpPort(Port):
    """An open port of a server: RFC 2217 if `wire` has a codec, else a plain socket."""

    def __init__(self, wire: Wire, rest: Rest = OFF) -> None:
        """Take over the connected `wire`."""
        self.rest = rest
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

    def unsent(self) -> int:
        """See `Port.unsent`; what the server has, nobody knows."""
        return len(self._wire.unsent)

    async def set_baud(self, baud: int) -> None:
        """See `Port.set_baud`. A plain socket has no speed: nothing happens."""
        self._check_open()
        self._wire.ask_baud(baud)
        await self._settle()

    async def set_lines(self, *, dtr: bool, rts: bool) -> None:
        """See `Port.set_lines`; both changes travel together."""
        self._check_open()
        if not self.has_modem_lines:
            raise self._no_lines()
        self._wire.ask_lines(dtr=dtr, rts=rts)
        await self._settle()

    def lines(self) -> dict[Literal["dtr", "rts"], bool]:
        """See `Port.lines`."""
        self._check_open()
        if not self.has_modem_lines:
            raise self._no_lines()
        return {"dtr": self._wire.lines["dtr"], "rts": self._wire.lines["rts"]}

    async def set_break(self, on: bool) -> None:
        """See `Port.set_break`."""
        self._check_open()
        if self._wire.codec is None:
            raise PortUnusable(
                self.name, "it passes bytes only, and no break", hint="use rfc2217://HOST:PORT"
            )
        self._wire.ask_break(on)
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
        wire.ask_lines(rts=self.rest.rts, dtr=self.rest.dtr)
        wire.ask_frame()
        wire.ask_baud(baud)
        await self._settle()

    async def _settle(self) -> None:
        await self._until(self._wire.settled)

    async def _until(self, done: Callable[[], bool]) -> None:
        """Send what is queued and take answers until `done`. Raises PortLost after the limit."""
        with trio.move_on_after(CONFIRM_LIMIT):
            await self._flush()
            while not done():
                await self._pull()
            return
        raise no_answer(self.name)

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


async def open_tcp(url: str, baud: int, rest: Rest = OFF) -> TcpPort:
    """Connect to `rfc2217://HOST:PORT` or `socket://HOST:PORT`.

    Raises: PortNotFound when nobody listens there, PortUnusable for a bad URL or another protocol.
    """
    scheme, host, number = split_url(url)
    sock = await _connect(url, host, number)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    port = TcpPort(Wire(url, sock, TelnetClient() if scheme == "rfc2217" else None), rest)
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
    try:
        parts = urlsplit(url)
        scheme, host, number = parts.scheme, parts.hostname, parts.port
    except ValueError:  # a number that is none, or half of the brackets of IPv6
        scheme, host, number = "", None, None
    if scheme not in ("rfc2217", "socket") or not host or not number:
        raise PortUnusable(
            url,
            "this is no address of a port",
            hint="write rfc2217://HOST:PORT or socket://HOST:PORT",
        )
    return scheme, host, number


def _no_rfc2217(name: str) -> PortUnusable:
    return PortUnusable(
        name,
        "the server does not speak RFC 2217",
        hint="use socket://HOST:PORT if it passes bare bytes (without reset and baud)",
    )
