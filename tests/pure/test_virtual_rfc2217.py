from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.virtual.rfc2217 import SUBOPTION_LIMIT, ProtocolError, Rfc2217Session, escape

IAC, SB, SE = b"\xff", b"\xfa", b"\xf0"


class FakeLine:
    """Remembers what reaches the board's line, in order."""

    def __init__(self) -> None:
        self.events: list[object] = []

    def receive(self, data: bytes) -> None:
        self.events.append(data)

    def set_lines(self, dtr: bool, rts: bool) -> None:
        self.events.append(("lines", dtr, rts))

    def set_baud(self, baud: int) -> None:
        self.events.append(("baud", baud))

    def drop_unsent(self) -> None:
        self.events.append("drop")


class Client:
    def __init__(self) -> None:
        self.line = FakeLine()
        self.sent = bytearray()
        self.session = Rfc2217Session(self.line, self.sent.extend)
        self.sent.clear()

    def say(self, data: bytes) -> bytes:
        """Send bytes and return the session's own answer."""
        self.sent.clear()
        self.session.receive(data)
        return bytes(self.sent)


def setting(option: int, value: bytes) -> bytes:
    return IAC + SB + bytes((44, option)) + value + IAC + SE


def test_lines_baud_and_purge_reach_the_board_and_are_acknowledged() -> None:
    client = Client()
    assert client.say(setting(5, b"\x08")) == setting(105, b"\x08")  # DTR on
    assert client.say(setting(5, b"\x0b")) == setting(105, b"\x0b")  # RTS on
    assert client.say(setting(5, b"\x09")) == setting(105, b"\x09")  # DTR off
    baud = (460800).to_bytes(4, "big")
    assert client.say(setting(1, baud)) == setting(101, baud)
    assert client.say(setting(12, b"\x02")) == setting(112, b"\x02")
    assert client.line.events == [
        ("lines", True, False),
        ("lines", True, True),
        ("lines", False, True),
        ("baud", 460800),
        "drop",
    ]


def test_framing_is_acknowledged_and_kept_to_itself() -> None:
    client = Client()
    for option, value in [(2, b"\x07"), (3, b"\x03"), (4, b"\x02")]:
        assert client.say(setting(option, value)) == setting(option + 100, value)
    assert client.line.events == []


def test_a_setting_takes_effect_between_the_bytes_around_it() -> None:
    client = Client()
    baud = (9600).to_bytes(4, "big")
    client.say(b"before" + setting(1, baud) + b"after" + setting(5, b"\x08") + b"end")
    assert client.line.events == [
        b"before",
        ("baud", 9600),
        b"after",
        ("lines", True, False),
        b"end",
    ]


@given(st.binary(), st.integers(0, 100))
def test_data_passes_unchanged_however_it_is_cut(data: bytes, cut: int) -> None:
    client, escaped = Client(), escape(data)
    client.say(escaped[:cut])
    client.say(escaped[cut:])
    assert b"".join(event for event in client.line.events if isinstance(event, bytes)) == data


@pytest.mark.parametrize(
    "broken",
    [
        IAC + SE,
        setting(1, b"\0"),
        setting(3, b"\x77"),
        IAC + SB + b"\x2c" + b"x" * SUBOPTION_LIMIT,
    ],
)
def test_what_breaks_the_protocol_is_an_error(broken: bytes) -> None:
    with pytest.raises(ProtocolError):
        Client().say(broken)


@given(st.lists(st.binary()))
def test_random_bytes_raise_nothing_else(pieces: list[bytes]) -> None:
    client = Client()
    try:
        for piece in pieces:
            client.say(piece)
    except ProtocolError:
        pass
