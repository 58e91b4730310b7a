"""Boards that are several, locked, on a noisy line, too small, or behind a plain socket."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from fbuild_watch import flash
from fbuild_watch.board import oneshot
from fbuild_watch.board.approach import Approach
from fbuild_watch.errors import (
    FlashEncrypted,
    FlashError,
    ImageTooBig,
    SecureBoot,
    SecureDownloadMode,
)
from fbuild_watch.flash import connect
from fbuild_watch.flash.link import Patience
from fbuild_watch.flash.session import Session
from fbuild_watch.model import SECTOR, FlashReport, Image, Range, Region
from fbuild_watch.serial import open_port
from tests.faults import LateStub, Locked, StubDied
from tests.real.conftest import FaultyServedBoard, ServedBoard

Boards = Callable[..., ServedBoard]
FaultyBoards = Callable[..., FaultyServedBoard]
IN_A_HURRY = Patience(answer=0.4, digest_per_mb=1.0, write_per_mb=1.0, back_off=0.02)


def image_of(seed: int, *, sectors: int = 6, offset: int = 0x10000) -> Image:
    return Image(
        (Region("app", offset, random.Random(seed).randbytes(sectors * SECTOR)),), chip="esp32c3"
    )


async def deliver(image: Image, url: str, way: Approach | None = None) -> FlashReport:
    with trio.fail_after(60):
        report = await oneshot.deliver(image, url, way or Approach(), listener=flash.Listener())
    assert isinstance(report, FlashReport)
    return report


def holds(board: ServedBoard, image: Image) -> bool:
    return all(board.flash(r.offset, r.size) == r.data for r in image.regions)


def runs_its_firmware(board: ServedBoard) -> bool:
    resets = [line for line in board.log.splitlines() if line.startswith("reset: ")]
    return resets[-1].endswith("flash boot")


async def test_several_boards_are_flashed_at_once_each_with_its_own_image(
    virtual_board: Boards, tmp_path: Path
) -> None:
    """One memory for all of them, as a process has it."""
    boards = [virtual_board() for _ in range(3)]
    images = [image_of(seed) for seed in range(3)]
    way = Approach(memory=flash.BoardMemory(tmp_path / "boards"))
    reports: dict[str, FlashReport] = {}

    async def one(board: ServedBoard, image: Image) -> None:
        reports[board.url] = await deliver(image, board.url, way)

    for state in ("written", "unchanged"):
        async with trio.open_nursery() as nursery:
            for board, image in zip(boards, images, strict=True):
                nursery.start_soon(one, board, image)
        assert {report.regions[0].state for report in reports.values()} == {state}
    for board, image in zip(boards, images, strict=True):
        assert holds(board, image)
        assert runs_its_firmware(board)
    assert len({report.device.mac for report in reports.values()}) == 3


@pytest.mark.parametrize(
    ("lock", "error"),
    [
        (Locked(flags=1 << 2), SecureDownloadMode),
        (Locked(crypt_count=0b001), FlashEncrypted),
        (Locked(flags=1), SecureBoot),
    ],
)
async def test_a_locked_chip_is_recognised_refused_and_runs_on(
    faulty_board: FaultyBoards, lock: Locked, error: type[FlashError]
) -> None:
    board = faulty_board([lock], 0)
    before = board.flash_path.read_bytes()
    with pytest.raises(error) as caught:
        await deliver(image_of(1), board.url)
    assert board.url in str(caught.value)
    assert board.flash_path.read_bytes() == before
    assert runs_its_firmware(board)


async def test_an_encryption_that_was_switched_off_again_is_none(
    faulty_board: FaultyBoards,
) -> None:
    board = faulty_board([Locked(crypt_count=0b011)], 0)
    await deliver(image_of(1), board.url)
    assert holds(board, image_of(1))


def test_each_new_connection_is_slower(
    faulty_board: FaultyBoards, monkeypatch: pytest.MonkeyPatch
) -> None:
    board, rates = faulty_board([StubDied(at=3), StubDied(at=4)], 0), []
    reach = connect.reach

    def noted(*arguments: Any, baud: int, **others: Any) -> Any:
        rates.append(baud)
        return reach(*arguments, baud=baud, **others)

    monkeypatch.setattr(connect, "reach", noted)

    async def flash_it() -> None:
        port = await open_port(board.url, 115200)
        line = flash.Line(port.blocking(), board.url, True, 921600, 115200)
        try:
            session = Session(line, patience=IN_A_HURRY)
            await trio.to_thread.run_sync(session.run, image_of(1))
        finally:
            await port.aclose()

    trio.run(flash_it)
    assert rates == [921600, 460800, 230400]
    assert holds(board, image_of(1))


async def test_a_stub_that_greets_late_is_waited_for(faulty_board: FaultyBoards) -> None:
    """On a busy machine it did, and erase, which makes no second connection, was at an end."""
    board = faulty_board([LateStub(seconds=0.3)], 0)
    part = Range("part", 0x10000, 2 * SECTOR)
    with trio.fail_after(30):
        report = await oneshot.visit(
            lambda line, told: flash.erase(line, lambda _read, _device: [part], told),
            board.url,
            Approach(),
            listener=flash.Listener(),
        )
    assert report.ranges == (part,)


async def test_what_does_not_fit_the_flash_is_refused_before_the_first_byte(
    virtual_board: Boards,
) -> None:
    board = virtual_board()
    inside = image_of(1).regions[0]
    beyond = image_of(2, sectors=2, offset=(4 << 20) - SECTOR).regions[0]
    with pytest.raises(ImageTooBig) as caught:
        await deliver(Image((inside, beyond), chip="esp32c3"), board.url)
    assert "4,194,304 bytes" in str(caught.value)
    assert set(board.flash_path.read_bytes()) == {0xFF}
    assert runs_its_firmware(board)


async def test_a_plain_socket_flashes_a_board_that_is_in_download_mode_already(
    virtual_board: Boards,
) -> None:
    """As behind a ser2net in raw mode: bytes pass, lines and rates do not."""
    board, image = virtual_board(), image_of(1)
    behind = await open_port(board.url, flash.ROM_BAUD)

    async def bridge(client: trio.SocketStream) -> None:
        async def to_client() -> None:
            while True:
                await client.send_all(await behind.receive_some())

        async with trio.open_nursery() as both:
            both.start_soon(to_client)
            async for data in client:
                await behind.send_all(bytes(data))
            both.cancel_scope.cancel()

    line = flash.Line(behind.blocking(), board.url, True, flash.ROM_BAUD, flash.ROM_BAUD)
    await flash.enter_bootloader(line)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    url = f"socket://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.serve_listeners, bridge, listeners))
        report = await deliver(image, url)
        nursery.cancel_scope.cancel()
    await behind.aclose()
    assert report.regions[0].state == "written"
    assert holds(board, image)
    assert "RTCWDT_RTC_RST, flash boot" in board.log  # nothing else could restart it
