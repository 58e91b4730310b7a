"""XMODEM and YMODEM, the sender's side: a dialogue as a generator. Pure: no port, no clock.

It yields what it needs, `Write` or `Read`, and gets the byte that was read, or None when none came
in time. Source: C. Forsberg, "XMODEM/YMODEM Protocol Reference", 1988. (The library `xmodem` has no
YMODEM, and takes a cancel in the middle for a bad block.)

Rules
- The receiver begins: `C` asks for CRCs, NAK for checksums. What a board prints before is skipped.
- A block is sent again on NAK and on silence, RETRIES times; two CANs in a row end it at once.
- YMODEM tells name and size in a block 0, and ends with an empty one. Without a size (XMODEM) the
  receiver cannot tell what was padding: the last block is filled up with 0x1A.
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

Protocol = Literal["xmodem", "xmodem-1k", "ymodem"]

SOH, STX, EOT, ACK, NAK, CAN, CRC = b"\x01", b"\x02", b"\x04", b"\x06", b"\x15", b"\x18", b"C"
PAD = b"\x1a"
ABORT = CAN * 5
"""Sent by one who gives up: two in a row are enough for the other to believe it."""

SHORT, LONG = 128, 1024
RETRIES = 10
START_S = 60.0
"""Seconds for a person, or a script, to start the receiver."""
ANSWER_S = 10.0
SETTLE_S = 0.1
_MOST_SKIPPED = 100_000
"""Bytes: a board that prints all the time is no receiver."""


@dataclass(frozen=True, slots=True)
class Write:
    """Send `data`; `done` bytes of the file have arrived for sure."""

    data: bytes
    done: int


@dataclass(frozen=True, slots=True)
class Read:
    """Wait so many seconds for one byte."""

    seconds: float


class Refused(Exception):
    """The receiver gave up, or did not answer; the words say which."""


Dialogue = Generator[Write | Read, bytes | None, None]


def send(protocol: Protocol, name: str, data: bytes) -> Dialogue:
    """The dialogue that sends one file. Raises Refused."""
    sender = _Sender(protocol, data)
    yield from sender.begin()
    if protocol == "ymodem":
        yield from sender.send_header(name)
    yield from sender.send_data()
    yield from sender.finish()


class _Sender:
    def __init__(self, protocol: Protocol, data: bytes) -> None:
        self._protocol = protocol
        self._data = data
        self._with_crc = True
        self._cancels = 0
        self._done = 0

    def begin(self) -> Dialogue:
        """Wait for the receiver."""
        asked = yield from self._wait_for(CRC + NAK, START_S)
        if asked is None:
            raise Refused(f"no receiver has begun within {START_S:g} s")
        self._with_crc = asked == CRC
        yield from self._settle()

    def send_header(self, name: str) -> Dialogue:
        """YMODEM's block 0, and what follows it."""
        header = name.encode("utf-8", "replace")[: SHORT - 20] + b"\0%d" % len(self._data)
        yield from self._send_block(0, header.ljust(SHORT, b"\0"))
        yield from self._wait_for(CRC, ANSWER_S)
        yield from self._settle()

    def send_data(self) -> Dialogue:
        """All blocks."""
        number = 1
        while self._done < len(self._data):
            size = self._block_size(len(self._data) - self._done)
            block = self._data[self._done : self._done + size]
            yield from self._send_block(number % 256, block.ljust(size, PAD))
            self._done += len(block)
            number += 1

    def finish(self) -> Dialogue:
        """The end of the file, and of YMODEM's batch."""
        yield from self._insist(EOT, "the end")
        if self._protocol == "ymodem":
            yield from self._wait_for(CRC, ANSWER_S)
            yield from self._send_block(0, bytes(SHORT))

    def _block_size(self, left: int) -> int:
        long = self._protocol != "xmodem" and self._with_crc and left > SHORT
        return LONG if long else SHORT

    def _send_block(self, number: int, block: bytes) -> Dialogue:
        mark = STX if len(block) == LONG else SOH
        check = (
            crc_hqx(block, 0).to_bytes(2, "big") if self._with_crc else bytes((sum(block) % 256,))
        )
        frame = mark + bytes((number, 255 - number)) + block + check
        yield from self._insist(frame, f"block {number}")

    def _insist(self, frame: bytes, what: str) -> Dialogue:
        """Send it until it is acknowledged."""
        for _ in range(RETRIES + 1):
            yield Write(frame, self._done)
            if (yield from self._wait_for(ACK + NAK, ANSWER_S)) == ACK:
                return
        raise Refused(f"{what} was not acknowledged, sent {RETRIES + 1} times")

    def _settle(self) -> Dialogue:
        """A receiver that has just asked forgets what comes at once (lrzsz empties its input)."""
        for _ in range(RETRIES):
            if (yield Read(SETTLE_S)) is None:
                return

    def _wait_for(
        self, wanted: bytes, seconds: float
    ) -> Generator[Write | Read, bytes | None, bytes | None]:
        """One of the bytes `wanted`; None: a silence. Everything else is skipped, some of it."""
        for _ in range(_MOST_SKIPPED):
            byte = yield Read(seconds)
            self._cancels = self._cancels + 1 if byte == CAN else 0
            if self._cancels == 2:
                raise Refused("the receiver cancelled")
            if byte is None or byte in wanted:
                return byte
        return None
