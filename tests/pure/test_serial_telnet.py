"""The RFC 2217 client codec: whole, byte by byte, with tails, and on noise."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.serial.telnet import (
    Acknowledged,
    Agreed,
    Event,
    Received,
    Setting,
    TelnetClient,
    escape,
)

IAC, DONT, DO, WONT, WILL, SB, SE = b"\xff", b"\xfe", b"\xfd", b"\xfc", b"\xfb", b"\xfa", b"\xf0"
COM_PORT, ECHO, NAWS = b"\x2c", b"\x01", b"\x1f"


def client(*requests: tuple[Setting, bytes]) -> TelnetClient:
    """A client that has said its first words and made `requests`."""
    codec = TelnetClient()
    for setting, value in requests:
        codec.request(setting, value)
    codec.take_output()
    return codec


def answer(setting: Setting, value: bytes) -> bytes:
    return IAC + SB + COM_PORT + bytes((setting + 100,)) + escape(value) + IAC + SE


def merged(events: list[Event]) -> list[Event]:
    """Neighbouring data joined: where it was split does not matter."""
    result: list[Event] = []
    for event in events:
        if isinstance(event, Received) and result and isinstance(result[-1], Received):
            event = Received(result.pop().data + event.data)
        result.append(event)
    return result


def feed(codec: TelnetClient, *pieces: bytes) -> list[Event]:
    return merged([event for piece in pieces for event in codec.feed(piece)])


BAUD = (115200).to_bytes(4, "big")
DIALOGUE = b"".join(
    [
        b"boot",
        IAC + WILL + ECHO + IAC + DO + COM_PORT + IAC + DO + NAWS,
        IAC + IAC + b"x" + IAC + b"\xf1",  # an escaped 0xFF, and a NOP
        answer(Setting.BAUD, BAUD),
        IAC + SB + COM_PORT + b"\x6b\xb0" + IAC + SE,  # modem state: nobody asked
        answer(Setting.PURGE, b"\xff"),
        b"end",
    ]
)
EVENTS = [
    Received(b"boot"),
    Agreed(True),
    Received(b"\xffx"),
    Acknowledged(Setting.BAUD, BAUD, BAUD),
    Acknowledged(Setting.PURGE, b"\x01", b"\xff"),
    Received(b"end"),
]
REQUESTS = ((Setting.BAUD, BAUD), (Setting.PURGE, b"\x01"))
ANSWERS = IAC + DO + ECHO + IAC + WONT + NAWS


def test_a_dialogue_whole() -> None:
    codec = client(*REQUESTS)
    assert feed(codec, DIALOGUE) == EVENTS
    assert codec.take_output() == ANSWERS
    assert codec.take_output() == b""
    assert not codec.waiting


@given(st.lists(st.integers(0, len(DIALOGUE)), max_size=20))
def test_a_dialogue_split_anywhere(cuts: list[int]) -> None:
    marks = [0, *sorted(cuts), len(DIALOGUE)]
    codec = client(*REQUESTS)
    pieces = [DIALOGUE[a:b] for a, b in pairwise(marks)]
    assert feed(codec, *pieces) == EVENTS
    assert codec.take_output() == ANSWERS


def test_a_dialogue_byte_by_byte_with_half_a_command_as_its_tail() -> None:
    codec = client(*REQUESTS)
    data = DIALOGUE + IAC + SB + COM_PORT
    assert feed(codec, *(data[at : at + 1] for at in range(len(data)))) == EVENTS


def test_the_first_words_offer_the_com_port_and_ask_for_eight_bits() -> None:
    words = TelnetClient().take_output()
    assert words.startswith(IAC + WILL + COM_PORT)
    assert IAC + DO + b"\x00" in words


def test_an_offer_that_is_taken_is_not_answered_and_a_refused_one_is_reported() -> None:
    codec = client()
    assert feed(codec, IAC + DO + COM_PORT) == [Agreed(True)]
    assert codec.take_output() == b""
    assert feed(client(), IAC + DONT + COM_PORT) == [Agreed(False)]


def test_an_option_that_is_taken_back_is_confirmed_once() -> None:
    codec = client()
    feed(codec, IAC + WILL + ECHO)
    assert codec.take_output() == IAC + DO + ECHO
    feed(codec, IAC + WILL + ECHO)
    assert codec.take_output() == b""
    feed(codec, (IAC + WONT + ECHO) * 2)
    assert codec.take_output() == IAC + DONT + ECHO


def test_requests_of_one_kind_are_answered_in_order() -> None:
    codec = client((Setting.CONTROL, b"\x09"), (Setting.CONTROL, b"\x0c"))
    data = answer(Setting.CONTROL, b"\x09") + answer(Setting.CONTROL, b"\x0c") * 2
    assert feed(codec, data) == [
        Acknowledged(Setting.CONTROL, b"\x09", b"\x09"),
        Acknowledged(Setting.CONTROL, b"\x0c", b"\x0c"),
    ]


def test_a_request_escapes_its_value() -> None:
    codec = client()
    codec.request(Setting.BAUD, b"\x00\x00\xff\x01")
    assert codec.take_output() == IAC + SB + COM_PORT + b"\x01\x00\x00\xff\xff\x01" + IAC + SE
    assert codec.waiting


@given(st.binary())
def test_data_survives_escaping(data: bytes) -> None:
    expected = [Received(data)] if data else []
    assert feed(client(), escape(data)) == expected


telnet_noise = st.lists(
    st.sampled_from([IAC, SB, SE, DO, WILL, COM_PORT, IAC + SB, IAC + SE]) | st.binary(max_size=4)
)


@given(telnet_noise)
def test_noise_never_raises_and_splits_change_nothing(pieces: list[bytes]) -> None:
    whole, split = client(*REQUESTS), client(*REQUESTS)
    assert feed(whole, b"".join(pieces)) == feed(split, *pieces)
    assert whole.take_output() == split.take_output()


def test_a_subnegotiation_without_end_is_given_up_whole_or_byte_by_byte() -> None:
    data = IAC + SB + COM_PORT + b"a" * 300 + IAC + SE + b"after"
    pieces = [data[at : at + 1] for at in range(len(data))]
    whole = feed(client(), data)
    assert whole == feed(client(), *pieces)
    assert isinstance(whole[-1], Received)
    assert whole[-1].data.endswith(b"after")
