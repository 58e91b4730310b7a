"""RFC 2217 (telnet with COM port control) between a network client and the board.

The protocol is pyserial's `PortManager`, which wants something that looks like a serial port:
that is `_Port`. Not a socket: bytes in, bytes out.

Rules
- A setting takes effect, and is acknowledged, at its place in the client's byte stream: bytes
  before it are on the line with the old setting.
- What is no telnet or breaks RFC 2217's layout raises `ProtocolError`; the client is then cut off.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from serial import PARITY_NONE, STOPBITS_ONE
from serial.rfc2217 import IAC, IAC_DOUBLED, PortManager

SUBOPTION_LIMIT = 256
"""Bytes: far above any suboption of RFC 2217; more is not one."""


class ProtocolError(Exception):
    """The client does not speak telnet with RFC 2217."""


class Line(Protocol):
    """The board's end of the serial line."""

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""

    def set_lines(self, dtr: bool, rts: bool) -> None:
        """Take the client's DTR and RTS (True: asserted)."""

    def set_baud(self, baud: int) -> None:
        """Take the client's baud rate."""

    def drop_unsent(self) -> None:
        """Drop what the client sent and what has not arrived."""


class _Port:
    """What PortManager takes for a serial port. Framing is kept but changes nothing: 8N1."""

    bytesize = 8
    parity = PARITY_NONE
    stopbits = STOPBITS_ONE
    xonxoff = False
    rtscts = False
    break_condition = False
    cts = True
    dsr = True
    ri = False
    cd = False

    def __init__(self, line: Line, flush: Callable[[], None]) -> None:
        self._line = line
        self._flush = flush
        self._baudrate = 115200
        self._dtr = False
        self._rts = False

    @property
    def baudrate(self) -> int:
        return self._baudrate

    @baudrate.setter
    def baudrate(self, baud: int) -> None:
        self._flush()
        self._baudrate = baud
        self._line.set_baud(baud)

    @property
    def dtr(self) -> bool:
        return self._dtr

    @dtr.setter
    def dtr(self, asserted: bool) -> None:
        self._dtr = asserted
        self._set_lines()

    @property
    def rts(self) -> bool:
        return self._rts

    @rts.setter
    def rts(self, asserted: bool) -> None:
        self._rts = asserted
        self._set_lines()

    def _set_lines(self) -> None:
        self._flush()
        self._line.set_lines(self._dtr, self._rts)

    def reset_input_buffer(self) -> None:
        """Nothing is kept back from the client: there is nothing to drop."""

    def reset_output_buffer(self) -> None:
        self._flush()
        self._line.drop_unsent()


@dataclass(slots=True)
class _Outgoing:
    """What PortManager takes for a connection."""

    write: Callable[[bytes], None]


class Rfc2217Session:
    """One client. `send` takes bytes for it: negotiation and acknowledgements."""

    def __init__(self, line: Line, send: Callable[[bytes], None]) -> None:
        self._line = line
        self._pending = bytearray()
        self._manager: Any = PortManager(_Port(line, self._flush), _Outgoing(send))

    def receive(self, data: bytes) -> None:
        """Take bytes from the client; raises ProtocolError."""
        try:
            for byte in self._manager.filter(data):
                self._pending += byte
        except (TypeError, ValueError, KeyError, struct.error) as error:
            raise ProtocolError(f"{type(error).__name__}: {error}") from error
        if len(self._manager.suboption or b"") > SUBOPTION_LIMIT:
            raise ProtocolError("an endless suboption")
        self._flush()

    def _flush(self) -> None:
        if self._pending:
            data = bytes(self._pending)
            self._pending.clear()
            self._line.receive(data)


def escape(data: bytes) -> bytes:
    """Return device data as it is sent to the client."""
    return data.replace(IAC, IAC_DOUBLED)
