"""XMODEM and YMODEM against a receiver that errs on purpose; byte for byte."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.serial.modem import (
    ACK,
    CAN,
    CRC,
    EOT,
    NAK,
    RETRIES,
    SOH,
    STX,
    Protocol,
    Read,
    Refused,
    Write,
    send,
)

PROTOCOLS: list[Protocol] = ["xmodem", "xmodem-1k", "ymodem"]


class Receiver:
    """Asks, takes blocks, answers. `errs` may put other bytes in the place of an answer."""

    def __init__(
        self,
        protocol: Protocol,
        *,
        asks: bytes = CRC,
        errs: Callable[[int], bytes | None] = lambda _number: None,
    ) -> None:
        self.asks = asks
        self.batch = protocol == "ymodem"
        self.line = bytearray(b"rx: ready\r\n" + asks)
        self.header = b""
        self.data = b""
        self.done = False
        self.next = 0 if self.batch else 1
        self._errs = errs
        self._answers = 0

    def take(self, frame: bytes) -> None:
        self._answers += 1
        if (said := self._errs(self._answers)) is not None:
            self.line += said
        elif frame == EOT:
            self.line += ACK + (CRC if self.batch else b"")
            self.done, self.next = not self.batch, 0
        else:
            self._block(frame)

    def _block(self, frame: bytes) -> None:
        size = {SOH: 128, STX: 1024}[frame[:1]]
        block, check = frame[3 : 3 + size], frame[3 + size :]
        expected = (
            crc_hqx(block, 0).to_bytes(2, "big") if self.asks == CRC else bytes((sum(block) % 256,))
        )
        assert check == expected
        assert frame[1] == 255 - frame[2]
        if frame[1] != self.next % 256:
            assert frame[1] == (self.next - 1) % 256, "out of order"
        elif self.batch and self.next == 0:
            self.done, self.header = not block.strip(b"\0"), self.header or block
            self.line += ACK + (b"" if self.done else CRC)
            self.next = 1
            return
        else:
            self.data += block
            self.next += 1
        self.line += ACK


def play(protocol: Protocol, data: bytes, receiver: Receiver) -> list[int]:
    """The places in the file that were reported."""
    dialogue, places = send(protocol, "name.bin", data), []
    answer: bytes | None = None
    try:
        while True:
            match dialogue.send(answer):
                case Write(frame, done):
                    answer = None
                    places.append(done)
                    receiver.take(frame)
                case Read():
                    answer = bytes(receiver.line[:1]) or None
                    del receiver.line[:1]
    except StopIteration:
        return places


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.binary(max_size=5000))
def test_any_file_arrives(protocol: Protocol, data: bytes) -> None:
    receiver = Receiver(protocol)
    places = play(protocol, data, receiver)
    assert receiver.done
    assert receiver.data[: len(data)] == data
    assert not receiver.data[len(data) :].strip(b"\x1a")
    assert places == sorted(places)
    if protocol == "ymodem":
        name, size, _ = receiver.header.split(b"\0", 2)
        assert (name, int(size)) == (b"name.bin", len(data))


def test_block_numbers_wrap() -> None:
    data = bytes(range(256)) * 200  # 400 blocks of 128
    receiver = Receiver("xmodem")
    play("xmodem", data, receiver)
    assert receiver.data == data


def test_a_receiver_that_asks_for_checksums_gets_short_blocks() -> None:
    receiver = Receiver("xmodem-1k", asks=NAK)
    play("xmodem-1k", b"x" * 3000, receiver)
    assert receiver.data[:3000] == b"x" * 3000


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("answer", [NAK, b"", b"noise" + NAK, CAN + NAK, NAK + b"x"])
def test_what_is_refused_or_lost_is_sent_again(protocol: Protocol, answer: bytes) -> None:
    data = bytes(range(256)) * 20
    receiver = Receiver(protocol, errs=lambda number: answer if number % 3 == 2 else None)
    play(protocol, data, receiver)
    assert receiver.data[: len(data)] == data
    assert receiver.done


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_lost_acknowledgement_does_not_double_a_block(protocol: Protocol) -> None:
    """The receiver has the block, and the sender does not know."""
    data = bytes(range(256)) * 20
    receiver = Receiver(protocol)
    take, lost = receiver.take, [3, 7]

    def lose(frame: bytes) -> None:
        take(frame)
        if receiver._answers in lost:
            receiver.line.clear()

    receiver.take = lose  # type: ignore[method-assign]
    play(protocol, data, receiver)
    assert receiver.data[: len(data)] == data


@pytest.mark.parametrize("number", [1, 2, 5])
def test_two_cancels_end_it_at_once(number: int) -> None:
    receiver = Receiver("xmodem", errs=lambda now: CAN * 2 if now == number else None)
    with pytest.raises(Refused, match="cancelled"):
        play("xmodem", b"x" * 2000, receiver)
    assert receiver._answers == number


def test_a_receiver_that_never_takes_a_block_is_given_up() -> None:
    receiver = Receiver("xmodem", errs=lambda _number: NAK)
    with pytest.raises(Refused, match=f"block 1 was not acknowledged, sent {RETRIES + 1} times"):
        play("xmodem", b"x", receiver)
    assert receiver._answers == RETRIES + 1


def test_nobody_begins() -> None:
    receiver = Receiver("xmodem", asks=b"")
    with pytest.raises(Refused, match="no receiver has begun"):
        play("xmodem", b"x", receiver)
    receiver = Receiver("xmodem", asks=CAN * 2)
    with pytest.raises(Refused, match="cancelled"):
        play("xmodem", b"x", receiver)
