"""The server's dealings with time: a board with real timing, a clock that jumps, no network."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import trio
import trio.testing

from fbuild_watch.virtual.board import Board
from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.nor import BLOCK, Nor
from fbuild_watch.virtual.protocol import HEADER, SYNC_DATA, Opcode
from fbuild_watch.virtual.server import BUSY, TURN, UNREAD_LIMIT, BoardServer, Client
from fbuild_watch.virtual.slip import encode
from fbuild_watch.virtual.timing import REAL

PATIENCE = 60
"""Virtual seconds: the CPU of these tests talks for ever."""

IAC, SB, SE = b"\xff", b"\xfa", b"\xf0"
DTR_ON, DTR_OFF, RTS_ON, RTS_OFF = b"\x08", b"\x09", b"\x0b", b"\x0c"


class TickingCpu:
    """A `Cpu` that says `tick` every second, and what it is sent."""

    def __init__(self) -> None:
        self.output = b""
        self.next_tick = math.inf
        self.reset_requested: ResetCause | None = None

    def power_on(self, now: float, cause: ResetCause) -> None:
        self.next_tick = now + 1.0

    def load(self, address: int, data: bytes) -> None: ...

    def read_word(self, address: int) -> int | None:
        return None

    def write_word(self, address: int, value: int) -> bool:
        return False

    def start(self, entry: int, now: float) -> None: ...

    def receive(self, data: bytes) -> None:
        self.output += data

    def run(self, now: float) -> float | None:
        if now >= self.next_tick:
            self.output += b"tick\n"
            self.next_tick += 1.0
        return self.next_tick

    def take_output(self) -> bytes:
        output, self.output = self.output, b""
        return output

    def halt(self) -> None:
        self.next_tick = math.inf


def setting(option: int, value: bytes) -> bytes:
    return IAC + SB + bytes((44, option)) + value + IAC + SE


@dataclass
class Cable:
    """A client's end: telnet's own bytes are in what it hears."""

    stream: trio.abc.Stream

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data.replace(IAC, IAC + IAC))

    async def set(self, option: int, value: bytes) -> None:
        await self.stream.send_all(setting(option, value))
        await self.wait_heard(setting(option + 100, value))

    async def wait_heard(self, expected: bytes) -> bytes:
        heard = b""
        with trio.fail_after(PATIENCE):
            while expected not in heard:
                piece = await self.stream.receive_some()
                assert piece, f"closed after {heard!r}"
                heard += piece
        return heard


class Desk:
    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.log: list[str] = []
        nor = Nor(bytearray(b"\xff" * 64 * BLOCK))
        board = Board(TickingCpu(), nor, timing=REAL, mac=bytes(6), log=self.log.append)
        self.server = BoardServer(board, self.log.append)
        nursery.start_soon(self.server.run)

    def plug_in(self) -> Cable:
        mine, theirs = trio.testing.memory_stream_pair()
        self.nursery.start_soon(self.server.serve, theirs)
        return Cable(mine)


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    async with trio.open_nursery() as nursery:
        yield Desk(nursery)
        nursery.cancel_scope.cancel()


async def enter_download_mode(cable: Cable) -> None:
    for value in (RTS_ON, DTR_ON, RTS_OFF, DTR_OFF):
        await cable.set(5, value)
    await cable.wait_heard(b"waiting for download\r\n")


def command(opcode: int, *values: int) -> bytes:
    data = b"".join(value.to_bytes(4, "little") for value in values)
    return encode(HEADER.pack(0, opcode, len(data), 0) + data)


async def test_firmware_is_heard_when_it_speaks(autojump_clock: trio.testing.MockClock) -> None:
    async with desk() as here:
        cable = here.plug_in()
        for second in (1, 2, 3):
            await cable.wait_heard(b"tick\n")
            late = trio.current_time() - second
            assert 0.001 < late < 0.003, "five bytes at 115200 and a USB frame"


async def test_input_reaches_the_firmware(autojump_clock: trio.testing.MockClock) -> None:
    async with desk() as here:
        cable = here.plug_in()
        await cable.send(b"\xff and more")
        await cable.wait_heard(b"\xff\xff and more")
        assert trio.current_time() < 0.006


async def test_settings_are_acknowledged_at_once(autojump_clock: trio.testing.MockClock) -> None:
    async with desk() as here:
        cable = here.plug_in()
        await cable.send(bytes(2000))
        await cable.set(1, (921600).to_bytes(4, "big"))
        await cable.set(5, DTR_ON)
        assert trio.current_time() == 0.0


async def test_a_digest_takes_wire_and_flash_time(autojump_clock: trio.testing.MockClock) -> None:
    async with desk() as here:
        cable = here.plug_in()
        await enter_download_mode(cable)
        sync = encode(HEADER.pack(0, Opcode.SYNC, 36, 0) + SYNC_DATA)
        await cable.send(sync + command(Opcode.SPI_ATTACH, 0, 0))
        await cable.wait_heard(b"\xc0\x01\x0d")
        await trio.sleep(1.0)
        start = trio.current_time()
        question = command(Opcode.SPI_FLASH_MD5, 0, 2_000_000, 0, 0)
        await cable.send(question)
        await cable.wait_heard(bytes(4) + b"\xc0")
        answer = 8 + 32 + 4 + 2
        expected = 2e6 / 2.4e6 + (len(question) + answer) * 10 / 115200 + 0.002
        assert trio.current_time() - start == pytest.approx(expected, abs=1e-4)


async def test_a_second_client_waits_a_while_and_is_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with desk() as here:
        first = here.plug_in()
        await first.set(5, DTR_ON)
        second = here.plug_in()
        start = trio.current_time()
        assert await second.wait_heard(BUSY) == BUSY
        assert await second.stream.receive_some() == b""
        assert trio.current_time() - start == TURN
        await first.wait_heard(b"tick\n")


async def test_a_second_client_gets_the_line_when_the_first_goes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with desk() as here:
        first = here.plug_in()
        await first.set(5, DTR_ON)
        second = here.plug_in()
        await trio.sleep(TURN / 2)
        await first.stream.aclose()
        await second.wait_heard(b"tick\n")


async def test_a_client_that_dies_in_the_middle_of_a_reset_leaves_the_board_running(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with desk() as here:
        first = here.plug_in()
        await first.set(5, RTS_ON)
        await trio.sleep(5)
        assert here.log[-1] == "EN low: held in reset"
        await first.stream.aclose()
        second = here.plug_in()
        await second.wait_heard(b"tick\n")
        assert "reset: POWERON, flash boot" in here.log[-3:]


async def test_a_client_that_is_no_telnet_is_cut_off(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with desk() as here:
        cable = here.plug_in()
        await cable.stream.send_all(IAC + SE)
        with pytest.raises(AssertionError, match="closed"):
            await cable.wait_heard(b"tick\n")
        await here.plug_in().wait_heard(b"tick\n")
        assert any(line.startswith("client cut off") for line in here.log)


async def test_what_a_client_does_not_read_is_bounded_and_acknowledgements_are_kept() -> None:
    client = Client()
    for _ in range(40):
        client.send_output_nowait(bytes(100_000))
    client.send_nowait(b"acknowledged")
    mine, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.send_to, theirs)
        heard = await Cable(mine).wait_heard(b"acknowledged")
        nursery.cancel_scope.cancel()
    assert UNREAD_LIMIT <= len(heard) < UNREAD_LIMIT + 200_000
