"""The client side of telnet with the COM-PORT option (RFC 854, RFC 2217). Pure: bytes in, events out.

Not here: sockets, deadlines, what the settings mean to a board (`port_tcp`).

Rules
- `feed` takes bytes split anywhere; what is incomplete waits inside, bounded.
- What must be answered stands in `take_output`, in order; nothing is answered twice (RFC 1143).
- Every request is acknowledged by one answer of the same command, in order. Answers that nobody
  asked for (notifications of line and modem state among them) are dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

IAC = 0xFF
_DONT, _DO, _WONT, _WILL, _SB, _SE = 0xFE, 0xFD, 0xFC, 0xFB, 0xFA, 0xF0
_BINARY, _ECHO, _SGA, COM_PORT = 0, 1, 3, 44

_WE_OFFER = frozenset({_BINARY, _SGA, COM_PORT})
_WE_ACCEPT = frozenset({_BINARY, _SGA, _ECHO, COM_PORT})
_ANSWER = 100
"""A server answers command N as N + 100 (RFC 2217)."""
_MAX_SUBNEGOTIATION = 256


class Setting(IntEnum):
    """The commands of RFC 2217 that are used here."""

    BAUD = 1
    DATASIZE = 2
    PARITY = 3
    STOPSIZE = 4
    CONTROL = 5
    PURGE = 12


class Control(IntEnum):
    """Values of `Setting.CONTROL`."""

    NO_FLOW_CONTROL = 1
    BREAK_ON = 5
    BREAK_OFF = 6
    DTR_ON = 8
    DTR_OFF = 9
    RTS_ON = 11
    RTS_OFF = 12


PURGE_RECEIVED, PURGE_UNSENT = b"\x01", b"\x02"


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes from the board."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Agreed:
    """Whether the server takes COM-PORT commands."""

    yes: bool


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The answer to a request: `value` is what holds now, `asked` what was wanted."""

    setting: Setting
    asked: bytes
    value: bytes


Event = Received | Agreed | Acknowledged


def escape(data: bytes) -> bytes:
    """Data as it travels: IAC doubled."""
    return data.replace(b"\xff", b"\xff\xff")


class _Side:
    """The options of one direction: which are on, which were asked for, what may be agreed to."""

    def __init__(self, yes: int, no: int, allowed: frozenset[int]) -> None:
        """`yes` and `no` are the verbs with which we speak of this direction."""
        self._yes, self._no, self._allowed = yes, no, allowed
        self._asked: set[int] = set()
        self._on: set[int] = set()

    def ask(self, option: int) -> bytes:
        """Begin: we want it on."""
        self._asked.add(option)
        return bytes((IAC, self._yes, option))

    def heard(self, yes: bool, option: int) -> bytes:
        """What the other end said; the answer to it, if it needs one."""
        if option in self._asked:
            self._asked.discard(option)
            self._on |= {option} if yes else set()
            return b""
        if yes == (option in self._on):
            return b""
        if yes and option not in self._allowed:
            return bytes((IAC, self._no, option))
        self._on ^= {option}
        return bytes((IAC, self._yes if yes else self._no, option))


class TelnetClient:
    """One connection's state. Its first words are in `take_output` from the start."""

    def __init__(self) -> None:
        """Offer COM-PORT commands and ask for an eight-bit line."""
        self._tail = b""
        self._ours = _Side(_WILL, _WONT, _WE_OFFER)
        self._theirs = _Side(_DO, _DONT, _WE_ACCEPT)
        self._waiting: dict[int, deque[bytes]] = {setting: deque() for setting in Setting}
        self._output = bytearray()
        for option in (COM_PORT, _BINARY, _SGA):
            self._output += self._ours.ask(option)
        for option in (_BINARY, _SGA):
            self._output += self._theirs.ask(option)

    @property
    def waiting(self) -> bool:
        """Whether a request has no answer yet."""
        return any(self._waiting.values())

    def request(self, setting: Setting, value: bytes) -> None:
        """Ask the server to change a setting; an `Acknowledged` will follow."""
        self._waiting[setting].append(value)
        body = bytes((COM_PORT, setting)) + value
        self._output += bytes((IAC, _SB)) + escape(body) + bytes((IAC, _SE))

    def take_output(self) -> bytes:
        """The bytes to send now; they are handed out once."""
        data = bytes(self._output)
        self._output.clear()
        return data

    def feed(self, data: bytes) -> list[Event]:
        """What `data` (and what was left before) says, in order."""
        data, self._tail = self._tail + data, b""
        return list(self._parse(data))

    def _parse(self, data: bytes) -> Iterator[Event]:
        at = 0
        while at < len(data):
            mark = data.find(IAC, at)
            if mark != at:
                end = len(data) if mark < 0 else mark
                yield Received(data[at:end])
                at = end
                continue
            length = _command_length(data, at)
            if length is None:
                self._tail = data[at:]
                return
            yield from self._command(data[at + 1 : at + length])
            at += length

    def _command(self, body: bytes) -> Iterator[Event]:
        """One telnet command, without its IAC."""
        verb = body[0]
        if verb == IAC:
            yield Received(b"\xff")
        elif verb in (_DO, _DONT):
            self._output += self._ours.heard(verb == _DO, body[1])
            if body[1] == COM_PORT:
                yield Agreed(verb == _DO)
        elif verb in (_WILL, _WONT):
            self._output += self._theirs.heard(verb == _WILL, body[1])
        elif verb == _SB:
            yield from self._subnegotiation(body[1:-2].replace(b"\xff\xff", b"\xff"))

    def _subnegotiation(self, body: bytes) -> Iterator[Event]:
        if len(body) < 2 or body[0] != COM_PORT:
            return
        setting = body[1] - _ANSWER
        asked = self._waiting.get(setting)
        if asked:
            yield Acknowledged(Setting(setting), asked.popleft(), body[2:])


def _command_length(data: bytes, at: int) -> int | None:
    """The length of the command that starts at `at` with IAC; None: it is not all here."""
    rest = len(data) - at
    if rest < 2:
        return None
    verb = data[at + 1]
    if verb in (_DO, _DONT, _WILL, _WONT):
        return 3 if rest >= 3 else None
    if verb == _SB:
        return _subnegotiation_length(data, at)
    return 2


def _subnegotiation_length(data: bytes, at: int) -> int | None:
    """From IAC SB to IAC SE; a run that does not end within a bound is given up and read as data."""
    window = data[at : at + _MAX_SUBNEGOTIATION]
    mark = window.find(IAC, 2)
    while 0 <= mark < len(window) - 1:
        if window[mark + 1] == _SE:
            return mark + 2
        mark = window.find(IAC, mark + 2)
    return None if len(window) < _MAX_SUBNEGOTIATION else 2
