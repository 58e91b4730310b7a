"""A small RFC 2217 server for tests: pyserial's PortManager around a port that echoes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from serial.rfc2217 import PortManager


class EchoSerial:
    """What PortManager wants of a serial port; `seen` is what was done to it."""

    parity, bytesize, stopbits = "N", 8, 1
    xonxoff = rtscts = cts = dsr = ri = cd = False

    def __init__(self, bauds: set[int] | None = None) -> None:
        self.seen: list[tuple[str, Any]] = []
        self.written = bytearray()
        self._bauds = bauds
        self._baud = 9600

    @property
    def baudrate(self) -> int:
        return self._baud

    @baudrate.setter
    def baudrate(self, baud: int) -> None:
        if self._bauds and baud not in self._bauds:
            raise ValueError(baud)
        self._baud = baud
        self.seen.append(("baud", baud))

    dtr = property(None, lambda self, on: self.seen.append(("dtr", on)))
    rts = property(None, lambda self, on: self.seen.append(("rts", on)))
    break_condition = property(None, lambda self, on: self.seen.append(("break", on)))

    def reset_input_buffer(self) -> None:
        self.seen.append(("purge", "input"))

    def reset_output_buffer(self) -> None:
        self.seen.append(("purge", "output"))


class Peer:
    """A listening server; `talk` serves one client. `requests` counts what arrives from it."""

    def __init__(self, port: EchoSerial, *, telnet: bool = True) -> None:
        self.port = port
        self.requests = 0
        self.client: socket.socket | None = None
        self._telnet = telnet
        self._listener = socket.create_server(("127.0.0.1", 0))
        scheme = "rfc2217" if telnet else "socket"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        """Clients one after the other, until closed."""
        with suppress(OSError):
            while True:
                self.client, _ = self._listener.accept()
                with self.client, suppress(ConnectionError):
                    self._talk(self.client)

    def _talk(self, client: socket.socket) -> None:
        if not self._telnet:
            while data := client.recv(65536):
                client.sendall(data)
            return
        manager = PortManager(self.port, _Connection(client))
        while data := client.recv(65536):
            self.requests += 1
            came = b"".join(manager.filter(data))
            self.port.written += came
            if came:
                client.sendall(b"".join(manager.escape(came)))

    def say(self, data: bytes) -> None:
        """Board output out of the blue."""
        assert self.client is not None
        self.client.sendall(data.replace(b"\xff", b"\xff\xff"))

    def hang_up(self) -> None:
        """Go away in the middle of a connection."""
        assert self.client is not None
        self.client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self.client is not None:
            with suppress(OSError):
                self.client.shutdown(socket.SHUT_RDWR)


class _Connection:
    def __init__(self, client: socket.socket) -> None:
        self._client = client

    def write(self, data: bytes) -> None:
        self._client.sendall(data)


@contextmanager
def running_peer(port: EchoSerial | None = None, *, telnet: bool = True) -> Iterator[Peer]:
    """A peer in a thread."""
    peer = Peer(port or EchoSerial(), telnet=telnet)
    thread = threading.Thread(target=peer.serve)
    thread.start()
    try:
        yield peer
    finally:
        peer.close()
        thread.join(5)
        assert not thread.is_alive()
