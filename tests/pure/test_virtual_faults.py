"""The faulty board of the tests does what it says, where it says so, once."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.virtual.board import Board, Mode
from fbuild_watch.virtual.nor import BLOCK, SECTOR
from fbuild_watch.virtual.personality import ESP32, ESP8266, Personality
from fbuild_watch.virtual.protocol import SYNC_DATA, Opcode
from fbuild_watch.virtual.slip import Decoder, encode
from fbuild_watch.virtual.timing import FAST
from tests.faults import (
    KINDS,
    Blackout,
    ButtonHeld,
    Doubled,
    Dropped,
    Extent,
    Fault,
    FaultyBoard,
    FaultyLine,
    FaultyNor,
    Garbled,
    PowerLost,
    Stalled,
    StubDied,
    StuckSector,
    Vanished,
    draw,
    from_json,
    to_json,
)
from tests.pure.board_fakes import MAC, STUB, block, parse_reply, request, words

SYNC = encode(request(Opcode.SYNC, SYNC_DATA))
MAGIC = encode(words(Opcode.READ_REG, 0x40001000))


def line(*faults: Fault) -> FaultyLine:
    return FaultyLine(faults, "chip", random.Random(1), [].append)


def in_pieces(faulty: FaultyLine, data: bytes, size: int, now: float = 0.0) -> bytes:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(faulty.carry(piece, now) for piece in pieces)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_bytes_are_dropped_and_doubled_where_they_are_counted(size: int) -> None:
    faulty = line(Dropped(2), Doubled(5, count=2), Dropped(0, to="host"))
    assert in_pieces(faulty, b"0123456789", size) == b"01345566789"


@given(st.integers(0, 9), st.integers(1, 10))
def test_garbled_bytes_are_others_and_as_many(at: int, count: int) -> None:
    heard = line(Garbled(at, count=count)).carry(b"0123456789", 0.0)
    differ = [index for index in range(10) if heard[index] != b"0123456789"[index]]
    assert differ == list(range(at, min(at + count, 10)))


def test_a_stall_delays_and_keeps_the_order() -> None:
    faulty = line(Stalled(2, seconds=1.0))
    assert faulty.carry(b"012", 5.0) == b"01"
    assert faulty.carry(b"3", 5.0) == b""
    assert faulty.late_until == 6.0
    assert faulty.carry(b"45", 5.9) == b""
    assert faulty.carry(b"6", 6.0) == b"23456"
    assert faulty.late_until is None


# --- flash ---


def nor(*faults: Fault) -> FaultyNor:
    return FaultyNor(bytearray(16 * BLOCK), faults, [].append)


def test_power_is_lost_in_the_middle_of_an_erase() -> None:
    flash = nor(PowerLost(1))
    flash.erase(0, SECTOR)
    with pytest.raises(Blackout):
        flash.erase(SECTOR, SECTOR)
    half = SECTOR // 2
    assert flash.read(SECTOR, SECTOR) == b"\xff" * half + bytes(half)
    flash.erase(SECTOR, SECTOR)
    assert flash.read(SECTOR, SECTOR) == b"\xff" * SECTOR


def test_power_is_lost_in_the_middle_of_a_write() -> None:
    flash = nor(PowerLost(1))
    flash.erase(0, SECTOR)
    with pytest.raises(Blackout):
        flash.program(0, b"a" * 100)
    assert flash.read(0, 100) == b"a" * 50 + b"\xff" * 50


def test_a_stuck_sector_keeps_its_ones_as_often_as_it_says() -> None:
    flash = nor(StuckSector(SECTOR, times=1))
    flash.erase(0, BLOCK)
    data = b"a" * (3 * SECTOR - 2)
    flash.program(1, data)
    assert flash.read(SECTOR, SECTOR) == b"\xff" * SECTOR
    assert flash.read(1, SECTOR - 1) == data[: SECTOR - 1]
    assert flash.read(2 * SECTOR, SECTOR - 1) == data[: SECTOR - 1]
    flash.program(1, data)
    assert flash.read(1, len(data)) == data


# --- the board ---


class Desk:
    def __init__(self, *faults: Fault, kind: Personality = ESP32) -> None:
        self.now = 1.0
        self.away: list[float] = []
        self.said: list[str] = []
        self.nor = FaultyNor(bytearray(64 * BLOCK), faults, self.said.append)
        self.board: Board = FaultyBoard(
            self.nor,
            faults,
            7,
            personality=kind,
            vanish=self.away.append,
            log=self.said.append,
            timing=FAST,
            mac=MAC,
            stubs=(STUB,),
        )
        self.board.power_on(self.now)

    def send(self, data: bytes, wait: float = 0.0) -> list[bytes]:
        self.board.receive(data, self.now)
        heard, end = self.board.poll(self.now), self.now + wait
        while (due := self.board.deadline) is not None and due <= end:
            self.now = max(due, self.now)
            heard += self.board.poll(self.now)
        self.now = end
        return list(Decoder().feed(heard))

    def download(self) -> None:
        for dtr, rts in ((False, True), (True, True), (True, False), (False, False)):
            self.board.set_lines(dtr, rts, self.now)
        self.board.poll(self.now)
        assert self.board.mode is Mode.ROM

    def upload_stub(self) -> list[bytes]:
        self.send(SYNC)
        for address, data in STUB.segments.items():
            self.send(encode(words(Opcode.MEM_BEGIN, len(data), 1, len(data), address)))
            self.send(encode(block(Opcode.MEM_DATA, data)))
        return self.send(encode(words(Opcode.MEM_END, 0, STUB.entry)))


def test_a_dropped_byte_costs_an_answer_and_no_more() -> None:
    end = len(SYNC + MAGIC) - 1
    desk = Desk(Dropped(end))
    desk.download()
    assert len(desk.send(SYNC)) == 8
    assert [len(desk.send(MAGIC)) for _ in range(4)] == [0, 1, 1, 1]
    assert parse_reply(desk.send(MAGIC)[-1]).value == 0x00F01D83
    assert desk.said.count(f"fault: Dropped(at={end}, to='chip', count=1)") == 1


def test_a_stall_to_the_host() -> None:
    desk = Desk(Stalled(100, "host", 2.0))
    desk.download()
    desk.send(SYNC)
    assert desk.send(MAGIC, wait=1.9) == []
    assert len(desk.send(b"", wait=0.2)) >= 1


def test_the_port_vanishes() -> None:
    desk = Desk(Vanished(10, 0.5))
    desk.send(b"x" * 10)
    assert desk.away == []
    desk.send(b"x")
    assert desk.away == [Vanished(10, 0.5)]


@pytest.mark.parametrize("kind", [ESP32, ESP8266])
def test_the_stub_dies_once(kind: Personality) -> None:
    desk = Desk(StubDied(1), kind=kind)
    desk.download()
    assert desk.upload_stub()[-1] == b"OHAI"
    assert len(desk.send(MAGIC)) == 1
    assert desk.send(MAGIC) == []
    assert desk.send(MAGIC) == []
    desk.download()
    desk.upload_stub()
    assert [len(desk.send(MAGIC)) for _ in range(5)] == [1] * 5


def test_power_lost_leaves_the_flash_and_restarts_the_board() -> None:
    desk = Desk(PowerLost(0))
    desk.download()
    desk.send(SYNC + encode(words(Opcode.SPI_ATTACH, 0, 0)))
    assert desk.send(encode(words(Opcode.FLASH_BEGIN, SECTOR, 4, 1024, 0))) == []
    assert desk.nor.read(0, SECTOR) == b"\xff" * (SECTOR // 2) + bytes(SECTOR // 2)
    assert desk.board.mode is Mode.RUNNING
    assert "fault: power lost" in desk.said


def test_the_button_at_plug_in() -> None:
    desk = Desk(ButtonHeld())
    assert desk.board.mode is Mode.ROM
    desk.board.set_lines(False, True, desk.now)
    desk.board.set_lines(False, False, desk.now)
    assert desk.board.mode is Mode.RUNNING


# --- schedules ---


@given(st.sampled_from(sorted(KINDS)), st.integers(0, 1000))
def test_a_drawn_fault_is_what_the_seed_says_and_travels_as_json(kind: str, seed: int) -> None:
    fault = draw(kind, random.Random(seed))
    assert type(fault).__name__ == kind
    assert fault == draw(kind, random.Random(seed))
    assert from_json(to_json([fault])) == [fault]


def test_places_lie_within_the_extent() -> None:
    extent = Extent(to_chip=5, to_host=5, commands=5, operations=5, sectors=(3, 4))
    for kind in KINDS:
        for seed in range(50):
            fault = draw(kind, random.Random(seed), extent)
            assert getattr(fault, "at", 0) < 5
            assert getattr(fault, "address", 0x3000) == 0x3000
