"""What the two faces of a TCP port share: the socket, the decoder, what came and what is to go.

Nothing waits in here: `pull` and `push` make one transfer, the faces (`port_tcp` for trio,
`tcp_blocking` for esptool) wait for it.

Rules
- What goes out first goes into `unsent`, and whoever can flush sends all of it: a send that was
  cancelled in the middle never leaves half a telnet command on the line.
- A setting is asked for only when it differs from what was asked before.
"""

from __future__ import annotations

import socket

from fbuild_watch.errors import PortLost, PortUnusable
from fbuild_watch.serial.telnet import (
    PURGE_RECEIVED,
    Acknowledged,
    Agreed,
    Control,
    Received,
    Setting,
    TelnetClient,
    escape,
)

CONFIRM_LIMIT = 3.0
"""Seconds that a server may take for one answer; pyserial allows as many."""
_CHUNK = 65536


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
        """Queue a change of speed, if it is one. Raises PortUnusable for what RFC 2217 cannot say."""
        if not 0 < baud < 2**32:
            raise PortUnusable(self.name, f"{baud} baud", hint="use a common baud rate")
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

    def ask_break(self, on: bool) -> None:
        """Queue the beginning or the end of a break."""
        self._ask(Setting.CONTROL, bytes((Control.BREAK_ON if on else Control.BREAK_OFF,)))

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


def no_answer(name: str) -> PortLost:
    """The server is there but has stopped answering."""
    return PortLost(name, f"the server did not answer within {CONFIRM_LIMIT:g} s")
