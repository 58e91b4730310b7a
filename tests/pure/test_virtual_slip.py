from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.virtual.slip import MAX_FRAME, Decoder, encode

awkward = st.lists(st.sampled_from([0xC0, 0xDB, 0xDC, 0xDD, 0x00, 0x41])).map(bytes)
payloads = st.lists((st.binary() | awkward).filter(bool), max_size=5)


def decode(pieces: list[bytes]) -> list[bytes]:
    decoder = Decoder()
    return [payload for piece in pieces for payload in decoder.feed(piece)]


@given(payloads)
def test_what_is_encoded_is_decoded_whole_and_byte_by_byte(sent: list[bytes]) -> None:
    stream = b"".join(map(encode, sent))
    assert decode([stream]) == sent
    assert decode([bytes([byte]) for byte in stream]) == sent


@given(payloads, st.data())
def test_any_cut_gives_the_same_frames(sent: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(encode, sent))
    cut = data.draw(st.integers(0, len(stream)))
    assert decode([stream[:cut], stream[cut:]]) == sent


@given(st.binary())
def test_inside_a_frame_there_is_no_end(payload: bytes) -> None:
    assert b"\xc0" not in encode(payload)[1:-1]


@given(st.binary().filter(lambda noise: b"\xc0" not in noise), awkward.filter(bool))
def test_noise_before_and_an_unfinished_tail_change_nothing(noise: bytes, payload: bytes) -> None:
    assert decode([noise + encode(payload) + b"\xc0unfinished"]) == [payload]


def test_a_wrong_escape_loses_only_its_own_frame() -> None:
    assert decode([b"\xc0a\xdbb\xc0" + encode(b"next")]) == [b"next"]


def test_an_escape_cut_off_by_the_end_is_wrong() -> None:
    assert decode([b"\xc0a\xdb\xc0" + encode(b"next")]) == [b"next"]


def test_a_cut_off_frame_costs_at_most_the_one_after_it() -> None:
    assert decode([b"\xc0half" + encode(b"lost") + encode(b"heard")])[-1] == b"heard"


def test_an_endless_frame_is_dropped() -> None:
    assert decode([b"\xc0" + b"a" * (MAX_FRAME + 1) + b"\xc0" + encode(b"next")])[-1] == b"next"


@given(st.lists(st.binary()))
def test_random_bytes_never_raise(pieces: list[bytes]) -> None:
    assert all(decode(pieces))
