"""Boards and lines that fail, met by the real session through the real esptool.

Whatever happens: the image is on the board and proven, or a typed error says what state the board is
in; a second flash, over a line that holds, heals it; and the board runs its firmware at the end.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trio

from fbuild_watch import flash
from fbuild_watch.board import oneshot
from fbuild_watch.board.approach import Approach
from fbuild_watch.errors import (
    ConnectionLost,
    FlashError,
    NoAnswer,
    PortError,
    PortLost,
    VerifyFailed,
    WrongBoard,
)
from fbuild_watch.flash.guess import NOTHING, of_image
from fbuild_watch.flash.link import Patience
from fbuild_watch.model import SECTOR, FlashReport, Image, Region
from fbuild_watch.serial import open_port
from fbuild_watch.serial.ports import PortInfo
from fbuild_watch.virtual.host import mac_of
from tests.faults import (
    KINDS,
    Deaf,
    Extent,
    Fault,
    PowerLost,
    Renamed,
    StubDied,
    StuckSector,
    draw,
)
from tests.real.conftest import FaultyServedBoard, ServedBoard

IN_A_HURRY = Patience(answer=0.4, digest_per_mb=1.0, write_per_mb=1.0, back_off=0.02)
LASTING = ("Deaf", "LateStub", "Locked")
SCHEDULES = 50
AT_ONCE = 3
EXTENT = Extent(to_chip=30_000, to_host=900, commands=12, operations=12, sectors=(0x10, 0x16))

IMAGE = Image(
    (
        Region("partitions", 0x8000, random.Random(1).randbytes(3072)),
        Region("app", 0x10000, random.Random(2).randbytes(5 * SECTOR + 100)),
    ),
    chip="esp32c3",
)


async def flash_once(
    board: ServedBoard, memory: flash.BoardMemory | None = None, image: Image = IMAGE
) -> FlashReport:
    with trio.fail_after(60):
        while True:
            try:
                port = await open_port(url := url_of(board), 115200)
            except PortError:
                await trio.sleep(0.02)  # it has vanished, and is to come back
            else:
                break
        try:
            return await flash.flash(
                port.blocking(),
                image,
                name=url,
                write_baud=460800,
                run_baud=115200,
                memory=memory,
                patience=IN_A_HURRY,
            )
        finally:
            await port.aclose()


def url_of(board: ServedBoard) -> str:
    return board.url_now if isinstance(board, FaultyServedBoard) else board.url


def holds(board: ServedBoard, image: Image = IMAGE) -> bool:
    return all(board.flash(r.offset, r.size) == r.data for r in image.regions)


def play(folder: Path, seed: int) -> tuple[str, list[str]]:
    """One schedule; returns how it ended, and the faults that happened."""
    rng = random.Random(seed)
    names = [name for name in KINDS if name not in ("ButtonHeld", *LASTING)]  # their own stories
    faults: list[Fault] = [
        draw(name, rng, EXTENT) for name in rng.sample(names, rng.choice((1, 1, 2)))
    ]
    board = FaultyServedBoard(folder / f"{seed}.bin", "fast", "esp32c3", faults, seed)
    try:
        return visited_twice(board)
    finally:
        board.close()


def visited_twice(board: FaultyServedBoard) -> tuple[str, list[str]]:
    try:
        report = trio.run(flash_once, board)
    except (ConnectionLost, VerifyFailed, NoAnswer, PortLost) as error:
        outcome = type(error).__name__ if error.hint else "an error without a hint"
    else:
        outcome = "proven"
        assert holds(board)
        assert {region.state for region in report.regions} == {"written"}
    fired = board.fired
    if any(isinstance(fault, StuckSector) and fault.times is None for fault in board.faults):
        return outcome, fired  # nothing heals this one
    trio.run(flash_once, board)
    assert holds(board)
    assert board.log.rstrip().rpartition("reset: ")[2].startswith("POWERON, flash boot")
    return outcome, fired


def test_fifty_schedules_end_proven_or_in_a_typed_error_and_heal(tmp_path: Path) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        played = list(pool.map(partial(play, tmp_path), range(SCHEDULES)))
    outcomes = Counter(outcome for outcome, _ in played)
    assert outcomes["proven"] > SCHEDULES / 2, outcomes
    assert "an error without a hint" not in outcomes
    assert sum(1 for _, fired in played if fired) > SCHEDULES / 2


def test_power_lost_in_a_write_is_made_good_in_the_same_session(
    faulty_board: Callable[..., FaultyServedBoard],
) -> None:
    board = faulty_board([PowerLost(at=4)], 0)
    report = trio.run(flash_once, board)
    assert board.fired == ["fault: power lost"]
    assert holds(board)
    assert report.regions[1].sectors_written == 6


def test_a_stub_that_dies_is_made_good_in_the_same_session(
    faulty_board: Callable[..., FaultyServedBoard],
) -> None:
    board = faulty_board([StubDied(at=3)], 0)
    trio.run(flash_once, board)
    assert len(board.fired) == 1
    assert holds(board)


def test_a_sector_that_never_programs_is_named(
    faulty_board: Callable[..., FaultyServedBoard],
) -> None:
    board = faulty_board([StuckSector(0x12000)], 0)
    with pytest.raises(FlashError) as caught:
        trio.run(flash_once, board)
    assert isinstance(caught.value, VerifyFailed)
    assert caught.value.fields()["region"] == "app"
    starts = [line for line in board.log.splitlines() if line.startswith("reset: ")]
    assert "POWERON, flash boot" in starts[-1]


def test_a_rom_that_hears_nothing_while_it_works_is_asked_one_by_one_from_then_on(
    faulty_board: Callable[..., FaultyServedBoard],
) -> None:
    """No digest is taken for another's, and the loss of time is one of the first two visits only."""
    board, memory = faulty_board([Deaf()], 0, timing="real"), flash.BoardMemory()
    trio.run(flash_once, board, memory)
    assert holds(board)
    known = memory.on_port(board.url)
    assert known is not None
    known = replace(known, unanswered=0)
    for lost in (1, 2, 2):
        with board.flash_path.open("r+b") as file:
            file.seek(0x12003)
            file.write(bytes(3))
        unheard = len(board.fired)
        memory.remember(known, NOTHING)
        assert trio.run(flash_once, board, memory).sectors_written == 1
        asked_ahead = known.unanswered < 2
        known = memory.on_port(board.url)
        assert known is not None
        assert known.unanswered == lost
        assert (len(board.fired) > unheard) is asked_ahead
    assert holds(board)


def test_one_loss_of_what_was_asked_ahead_is_forgotten(
    virtual_board: Callable[..., ServedBoard],
) -> None:
    board, memory = virtual_board(), flash.BoardMemory()
    trio.run(flash_once, board, memory)
    known = memory.on_port(board.url)
    assert known is not None
    with board.flash_path.open("r+b") as file:
        file.seek(0x12003)
        file.write(bytes(3))
    memory.remember(replace(known, unanswered=1), NOTHING)
    trio.run(flash_once, board, memory)
    assert memory.on_port(board.url) == known


MIDDLE_OF_THE_WRITE = Renamed(at=20_000)


async def deliver(board: ServedBoard) -> FlashReport:
    with trio.fail_after(60):
        report = await oneshot.deliver(IMAGE, board.url, Approach(), listener=flash.Listener())
    assert isinstance(report, FlashReport)
    return report


def test_a_port_that_is_back_under_another_name_is_gone_on_with(
    faulty_board: Callable[..., FaultyServedBoard], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a chip on its own USB port, whose serial number is its MAC."""
    board = faulty_board([MIDDLE_OF_THE_WRITE], 0)
    mac = mac_of(board.flash_path).hex(":")

    def seen() -> list[PortInfo]:
        return [PortInfo(board.url_now, vid=0x303A, pid=0x1001, serial_number=mac.upper())]

    monkeypatch.setattr(oneshot, "list_ports", seen)
    report = trio.run(deliver, board)
    assert len(board.fired) == 1
    assert report.port == board.url_now != board.url
    assert report.device.mac == mac
    assert holds(board)


def test_a_port_that_is_not_found_again_is_said_with_what_the_board_holds_and_a_second_run_heals(
    faulty_board: Callable[..., FaultyServedBoard], monkeypatch: pytest.MonkeyPatch
) -> None:
    board = faulty_board([MIDDLE_OF_THE_WRITE], 0)
    monkeypatch.setattr(oneshot, "COME_BACK_S", 0.5)
    with pytest.raises(ConnectionLost) as caught:
        trio.run(deliver, board)
    assert (caught.value.gone, caught.value.written) == (True, True)
    assert "half written" in str(caught.value)
    assert "fbuild ports" in caught.value.hint
    assert not holds(board)
    trio.run(flash_once, board)
    assert holds(board)


def test_who_ends_the_wait_for_a_port_is_told_what_the_board_is_like(
    faulty_board: Callable[..., FaultyServedBoard],
) -> None:
    board = faulty_board([MIDDLE_OF_THE_WRITE], 0)

    async def ended() -> None:
        with trio.CancelScope() as scope:

            def progress(now: flash.Progress) -> None:
                if "come back" in now.step:
                    scope.cancel()

            listener = flash.Listener(progress=progress)
            await oneshot.deliver(IMAGE, board.url, Approach(), listener=listener)

    with pytest.raises(ConnectionLost) as caught:
        trio.run(ended)
    assert caught.value.written


def test_another_board_in_the_place_of_the_one_that_went_is_not_touched(
    faulty_board: Callable[..., FaultyServedBoard],
    virtual_board: Callable[..., ServedBoard],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    board, other = faulty_board([MIDDLE_OF_THE_WRITE], 0), virtual_board()
    monkeypatch.setattr(oneshot, "whereabouts", lambda *_: other.url)
    with pytest.raises(WrongBoard):
        trio.run(deliver, board)
    assert other.flash(0x8000, 0x10000) == b"\xff" * 0x10000


def test_what_another_tool_wrote_in_between_is_noticed(
    virtual_board: Callable[..., ServedBoard],
) -> None:
    board, memory = virtual_board(), flash.BoardMemory()
    trio.run(flash_once, board, memory)
    assert trio.run(flash_once, board, memory).sectors_written == 0
    with board.flash_path.open("r+b") as file:
        file.seek(0x13001)
        file.write(b"\x00\x01\x02")
    report = trio.run(flash_once, board, memory)
    assert [(r.name, r.sectors_written) for r in report.regions if r.sectors_written] == [
        ("app", 1)
    ]
    assert holds(board)


def test_a_wrong_guess_costs_time_and_nothing_else(
    virtual_board: Callable[..., ServedBoard],
) -> None:
    board, memory = virtual_board(), flash.BoardMemory()
    trio.run(flash_once, board, memory)
    known = memory.on_port(board.url)
    assert known is not None
    new = bytearray(IMAGE.regions[1].data)
    new[SECTOR] ^= 1
    image = Image((IMAGE.regions[0], Region("app", 0x10000, bytes(new))), chip="esp32c3")
    other = bytearray(new)
    other[3 * SECTOR] ^= 1  # believed: sector 3 is to be written; true: sector 1
    memory.remember(known, of_image(Image((Region("app", 0x10000, bytes(other)),)), {}))
    report = trio.run(flash_once, board, memory, image)
    assert report.regions[1].sectors_written == 2
    assert holds(board, image)
