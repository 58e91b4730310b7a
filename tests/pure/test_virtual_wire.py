from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.virtual.timing import FAST, REAL
from fbuild_watch.virtual.wire import PIECE, Piece, Wire


def arrivals(wire: Wire) -> list[Piece]:
    taken = []
    while wire.due is not None:
        piece = wire.take(wire.due)
        assert piece is not None
        taken.append(piece)
    return taken


def test_a_byte_is_ten_bits_and_a_usb_frame_long() -> None:
    wire = Wire(REAL)
    wire.send(b"x", 1.0, 9600)
    (piece,) = arrivals(wire)
    assert piece.due == pytest.approx(1.0 + 10 / 9600 + 0.001)


def test_nothing_arrives_before_its_time() -> None:
    wire = Wire(REAL)
    wire.send(b"x", 1.0, 9600)
    assert wire.due is not None
    assert wire.take(wire.due - 1e-6) is None
    assert wire.take(wire.due) is not None


def test_fast_charges_nothing() -> None:
    wire = Wire(FAST)
    wire.send(bytes(1_000_000), 1.0, 300)
    (piece,) = arrivals(wire)
    assert piece.due == 1.0


@given(st.lists(st.tuples(st.binary(max_size=200), st.floats(0, 0.05)), max_size=8))
def test_order_is_kept_and_the_line_is_never_faster_than_its_rate(
    sends: list[tuple[bytes, float]],
) -> None:
    wire, now = Wire(REAL), 0.0
    for data, pause in sends:
        now += pause
        wire.send(data, now, 115200)
    pieces = arrivals(wire)
    assert b"".join(piece.data for piece in pieces) == b"".join(data for data, _ in sends)
    assert all(len(piece.data) <= PIECE for piece in pieces)
    for earlier, later in pairwise(pieces):
        assert later.due - earlier.due >= len(later.data) * 10 / 115200 - 1e-9


def test_what_is_cleared_does_not_arrive_nor_hold_up_what_follows() -> None:
    wire = Wire(REAL)
    wire.send(bytes(10_000), 0.0, 9600)
    wire.clear()
    wire.send(b"x", 0.0, 115200)
    (piece,) = arrivals(wire)
    assert piece.due < 0.01
