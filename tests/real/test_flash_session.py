"""The session on the virtual board: what it says on the line, and what it refuses."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from fbuild_watch import flash
from fbuild_watch.board import oneshot
from fbuild_watch.board.approach import Approach
from fbuild_watch.board.port import BoardPort, Operation, flash_line
from fbuild_watch.errors import InvalidReset, NoAnswer, WrongBoard, WrongChip
from fbuild_watch.flash.guess import NOTHING
from fbuild_watch.model import SECTOR, Environment, FlashReport, Image, Range, Region
from fbuild_watch.serial import open_port
from tests.faults import ButtonHeld
from tests.real.conftest import FaultyServedBoard, ServedBoard

Boards = Callable[..., ServedBoard]
APP = random.Random(2).randbytes(20 * SECTOR + 100)
IMAGE = Image((Region("app", 0x10000, APP),), chip="esp32c3")


async def flash_it(
    board: ServedBoard,
    image: Image = IMAGE,
    *,
    memory: flash.BoardMemory | None = None,
    listener: flash.Listener | None = None,
    mac: str | None = None,
    reset: str = "auto",
    baud: int = 460800,
) -> FlashReport:
    port = await open_port(board.url, 115200)
    try:
        with trio.fail_after(60):
            return await flash.flash(
                port.blocking(),
                image,
                name=board.url,
                modem_lines=port.has_modem_lines,
                write_baud=baud,
                run_baud=115200,
                listener=listener,
                memory=memory,
                mac=mac,
                reset=reset,
            )
    finally:
        await port.aclose()


def said(board: ServedBoard, before: str) -> list[str]:
    """What the board has logged since."""
    return board.log[len(before) :].splitlines()


def runs_its_firmware(board: ServedBoard) -> bool:
    resets = [line for line in board.log.splitlines() if line.startswith("reset: ")]
    return resets[-1] == "reset: POWERON, flash boot"


def test_a_known_board_is_reached_and_checked_with_few_questions(virtual_board: Boards) -> None:
    board, memory = virtual_board(), flash.BoardMemory()
    trio.run(lambda: flash_it(board, memory=memory))
    before = board.log
    report = trio.run(lambda: flash_it(board, memory=memory))
    assert report.sectors_written == 0
    commands = [line for line in said(board, before) if ": " in line and "reset" not in line]
    # SYNC, which chip, two words of MAC, attach, flash size, one digest: in ROM, without a stub
    assert len(commands) == 7, commands
    assert not any("stub" in line for line in said(board, before))
    assert runs_its_firmware(board)


async def test_verify_read_and_erase_reach_a_board_as_it_was_reached_before(
    virtual_board: Boards, tmp_path: Path
) -> None:
    """Each by itself is a process of its own: what is remembered is in the project's folder."""
    board, places = virtual_board(), tmp_path / "boards"

    async def visit(operation: Operation[object]) -> list[str]:
        before, way = board.log, Approach(memory=flash.BoardMemory(places))
        await oneshot.visit(operation, board.url, way, listener=flash.Listener())
        return [line for line in said(board, before) if ": " in line and "reset" not in line]

    first = await visit(lambda line, told: flash.verify(line, IMAGE, told))
    assert sum("WRITE_REG" in line for line in first) > 5  # attached in full
    again = await visit(lambda line, told: flash.verify(line, IMAGE, told))
    assert len(again) == 7, again
    await visit(lambda line, told: flash_line(line, IMAGE, told))
    known = flash.BoardMemory(places).on_port(board.url)
    assert known is not None
    assert flash.BoardMemory(places).guess(known.mac) != NOTHING
    for operation in (
        lambda line, told: flash.read(line, 0x10000, 64, told),
        lambda line, told: flash.erase(line, lambda _read, _device: [Range("x", 0, 4096)], told),
    ):
        assert not any("WRITE_REG" in line for line in await visit(operation))
    assert flash.BoardMemory(places).guess(known.mac) == NOTHING  # something was erased
    assert flash.BoardMemory(places).on_port(board.url) == known


async def test_the_loop_reaches_its_board_as_its_project_says_now(virtual_board: Boards) -> None:
    async def nothing_shown(_item: object) -> None:
        pass

    async def look(line: flash.Line, _told: flash.Listener) -> tuple[str, str | None]:
        return line.reset, line.mac

    settings = Environment("e", Path(), Path(), Path(), "")
    way = BoardPort(nothing_shown, 115200, settings=lambda: settings)
    await way.open(virtual_board().url)
    try:
        assert await way.visit(look, 460800, flash.Listener()) == ("auto", None)
        settings = replace(settings, reset="classic", mac="02:00:00:00:00:01")  # an edit
        assert await way.visit(look, 460800, flash.Listener()) == ("classic", settings.mac)
    finally:
        await way.aclose()


def test_a_board_that_changed_its_place_is_a_first_contact(
    virtual_board: Boards, tmp_path: Path
) -> None:
    one, other, memory = virtual_board(), virtual_board(), flash.BoardMemory()
    trio.run(lambda: flash_it(one, memory=memory))
    known = memory.on_port(one.url)
    assert known is not None
    memory.remember(replace(known, port=other.url), NOTHING)  # the other one stands there now
    before = other.log
    trio.run(lambda: flash_it(other, memory=memory))
    assert sum("WRITE_REG" in line for line in said(other, before)) > 5  # attached in full
    assert other.flash(0x10000, len(APP)) == APP


def test_few_sectors_are_written_by_the_rom_and_many_by_the_stub(virtual_board: Boards) -> None:
    board, memory = virtual_board(timing="real"), flash.BoardMemory()
    trio.run(lambda: flash_it(board, memory=memory))
    assert "the stub loader runs" in board.log
    changed = bytearray(APP)
    changed[5 * SECTOR] ^= 1
    before = board.log
    image = Image((Region("app", 0x10000, bytes(changed)),), chip="esp32c3")
    report = trio.run(lambda: flash_it(board, image, memory=memory))
    assert report.sectors_written == 1
    assert not any("stub" in line for line in said(board, before))
    assert board.flash(0x10000, len(APP)) == changed


def test_the_rate_is_raised_in_the_rom_before_the_stub_goes_up(virtual_board: Boards) -> None:
    board = virtual_board(timing="real")
    trio.run(lambda: flash_it(board, baud=921600))
    lines = board.log.splitlines()
    assert lines.index("baud rate 921600") < lines.index("the stub loader runs")
    assert lines.index("baud rate 921600") < lines.index("download mode: MEM_DATA")
    assert board.flash(0x10000, len(APP)) == APP


@pytest.mark.parametrize("reset", ["tight", "classic", "D0|R1|W0.01|D1|R0|W0.05|D0"])
def test_ways_into_the_bootloader(virtual_board: Boards, reset: str) -> None:
    board = virtual_board()
    trio.run(lambda: flash_it(board, reset=reset))
    assert board.flash(0x10000, len(APP)) == APP
    assert runs_its_firmware(board)


def test_a_download_mode_that_a_button_began_ends_by_the_watchdog(
    faulty_board: Callable[..., FaultyServedBoard],
) -> None:
    board = faulty_board([ButtonHeld()], 0, chip="esp32c3-usb")
    trio.run(lambda: flash_it(board, reset="watchdog"))
    assert board.flash(0x10000, len(APP)) == APP
    resets = [line for line in board.log.splitlines() if line.startswith("reset: ")]
    assert resets[0] == "reset: POWERON, download mode"
    assert resets[-1].endswith("flash boot"), resets


def test_a_running_stub_is_used_as_it_is(virtual_board: Boards) -> None:
    board = virtual_board()

    async def twice() -> None:
        """As if something else had left its stub running, on a port that must not be reset."""
        from fbuild_watch.flash.connect import Line
        from fbuild_watch.flash.visit import Visit

        port = await open_port(board.url, 115200)
        line = Line(port.blocking(), board.url, True, 115200, 115200)

        def leave_a_stub() -> None:
            with Visit(line).connected(leave=False) as link:
                link.need_stub()

        await trio.to_thread.run_sync(leave_a_stub)
        before = board.log
        try:
            await flash.flash(
                port.blocking(),
                IMAGE,
                name=board.url,
                write_baud=115200,
                run_baud=115200,
                reset="none",
            )
        finally:
            await port.aclose()
        assert not any("MEM_DATA" in line for line in said(board, before))

    trio.run(twice)
    assert board.flash(0x10000, len(APP)) == APP


def test_the_wrong_board_is_not_touched(virtual_board: Boards) -> None:
    board = virtual_board()
    with pytest.raises(WrongBoard) as caught:
        trio.run(lambda: flash_it(board, mac="AA:BB:CC:DD:EE:FF"))
    assert caught.value.fields()["expected"] == "aa:bb:cc:dd:ee:ff"
    assert board.flash(0x10000, SECTOR) == b"\xff" * SECTOR
    assert runs_its_firmware(board)
    found = caught.value.fields()["found"]
    assert trio.run(lambda: flash_it(board, mac=found.upper())).device.mac == found


def test_the_wrong_chip_is_not_touched(virtual_board: Boards) -> None:
    board = virtual_board()
    with pytest.raises(WrongChip):
        trio.run(lambda: flash_it(board, Image(IMAGE.regions, chip="esp32s3")))
    assert board.flash(0x10000, SECTOR) == b"\xff" * SECTOR
    assert runs_its_firmware(board)


def test_a_reset_that_is_none_is_said_before_anything_moves(virtual_board: Boards) -> None:
    board = virtual_board()
    with pytest.raises(InvalidReset):
        trio.run(lambda: flash_it(board, reset="sideways"))
    assert "EN low" not in board.log


def test_a_port_without_lines_is_refused_in_words() -> None:
    """Nothing answers on it: as a board behind socket:// that runs its firmware."""

    async def silent() -> None:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        url = f"socket://127.0.0.1:{listeners[0].socket.getsockname()[1]}"

        async def say_nothing(stream: trio.SocketStream) -> None:
            async for _ in stream:
                pass

        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, say_nothing, listeners)
            port = await open_port(url, 115200)
            try:
                with pytest.raises(NoAnswer) as caught:
                    await flash.flash(
                        port.blocking(),
                        IMAGE,
                        name=url,
                        modem_lines=port.has_modem_lines,
                        write_baud=460800,
                        run_baud=115200,
                    )
            finally:
                await port.aclose()
            assert "by hand" in caught.value.hint
            nursery.cancel_scope.cancel()

    trio.run(silent)


def test_it_is_cancelled_before_the_first_erase_and_not_after(virtual_board: Boards) -> None:
    board = virtual_board()

    async def cancelled_at(moment: str) -> bool:
        """Whether the image was flashed although somebody cancelled at that moment."""
        with trio.CancelScope() as scope:

            def cancel(*_: object) -> None:
                trio.from_thread.run_sync(scope.cancel)

            hooks = {moment: cancel}
            listener = flash.Listener(check_cancelled=trio.from_thread.check_cancelled, **hooks)
            await flash_it(board, listener=listener)
        return board.flash(0x10000, len(APP)) == APP

    assert not trio.run(cancelled_at, "device")
    assert board.flash(0x10000, SECTOR) == b"\xff" * SECTOR
    assert runs_its_firmware(board)
    assert trio.run(cancelled_at, "erasing")
    assert runs_its_firmware(board)
