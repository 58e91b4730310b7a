"""Serial devices, with a pseudo-terminal in their place: the POSIX port, and the threaded one.

The threaded port is the one of Windows; it is written with pyserial's portable interface, so a pty
shows all of it but the Windows driver.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import serial.tools.list_ports
import trio
import trio.testing

from fbuild_watch.board.port import BoardPort
from fbuild_watch.errors import PortBusy, PortError, PortLost, PortNotFound, PortUnusable
from fbuild_watch.model import DeviceText, Notice
from fbuild_watch.serial import (
    follow,
    identify,
    open_port,
    port_posix,
    port_windows,
    wait_for_board,
    wait_for_port,
)
from fbuild_watch.serial.port import Port
from fbuild_watch.serial.ports import PortInfo
from tests.real.pty_board import Pty
from tests.real.serial_kit import LINES, read_in_turn

Opener = Callable[[str, int], Awaitable[Port]]


@pytest.fixture
def board() -> Iterator[Pty]:
    board = Pty()
    try:
        yield board
    finally:
        board.unplug()


@pytest.fixture(params=[port_posix.open_device, port_windows.open_device], ids=["posix", "thread"])
async def port(request: pytest.FixtureRequest, board: Pty) -> AsyncIterator[Port]:
    opener: Opener = request.param
    port = await opener(board.device, 115200)
    try:
        yield port
    finally:
        with trio.CancelScope(shield=True):
            await port.aclose()


async def receive_exactly(port: Port, count: int) -> bytes:
    data = b""
    with trio.fail_after(5):
        while len(data) < count:
            data += await port.receive_some()
    return data


async def test_bytes_pass_both_ways(board: Pty, port: Port) -> None:
    every = bytes(range(256))
    board.say(every)
    assert await receive_exactly(port, 256) == every
    await port.send_all(every)
    assert board.hear(256) == every


async def test_a_large_write_waits_for_a_slow_board(board: Pty, port: Port) -> None:
    data = bytes(range(256)) * 400
    heard: list[bytes] = []

    def listen() -> None:
        heard.append(board.hear(len(data)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, listen)
        await port.send_all(data)
    assert heard == [data]


async def test_hand_over_to_a_thread_and_back_loses_nothing(board: Pty, port: Port) -> None:
    assert await read_in_turn(port, board.say, LINES) == LINES


async def test_an_unplugged_device_is_port_lost(board: Pty, port: Port) -> None:
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            with trio.fail_after(5), pytest.raises(PortLost):
                await port.receive_some()

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked(0.05)
        board.unplug()
    with pytest.raises(PortLost):
        await port.send_all(b"x")


async def test_closing_wakes_the_reader(port: Port) -> None:
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            with trio.fail_after(5), pytest.raises(trio.ClosedResourceError):
                await port.receive_some()

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked(0.05)
        await port.aclose()
        await port.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await port.send_all(b"x")


async def test_closing_does_not_wait_for_a_board_that_does_not_listen(port: Port) -> None:
    with trio.move_on_after(0.2):
        await port.send_all(b"x" * 10**6)
    start = time.monotonic()
    await port.aclose()
    assert time.monotonic() - start < 3


async def test_a_baud_rate_is_set_and_a_wrong_one_is_refused(port: Port) -> None:
    await port.set_baud(460800)
    assert port.blocking().baudrate == 460800
    for wrong in (-1, 99_999_999_999):
        with pytest.raises(PortUnusable):
            await port.set_baud(wrong)
    assert port.blocking().baudrate == 460800


async def test_a_break_goes_through_the_driver(port: Port) -> None:
    await port.send_break()


async def test_a_pty_has_no_modem_lines(board: Pty) -> None:
    port = await open_port(board.device, 115200)
    assert not port.has_modem_lines
    with pytest.raises(PortUnusable, match="no DTR and RTS"):
        await port.reset()
    await port.aclose()


OPEN = "import fcntl, os, pty, sys; f = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); "
LOCK = "fcntl.flock(f, fcntl.LOCK_EX); "


@contextmanager
def other_process(program: str, device: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has done `program` and waits."""
    command = [sys.executable, "-c", f"{program}print(flush=True); sys.stdin.read()", device]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        try:
            yield other
        finally:
            other.kill()


@pytest.mark.parametrize("program", [OPEN, OPEN + LOCK], ids=["open", "locked"])
async def test_a_held_port_names_its_holder(board: Pty, program: str) -> None:
    with other_process(program, board.device) as other:
        with pytest.raises(PortBusy) as caught:
            await open_port(board.device, 115200)
        assert caught.value.fields()["pid"] == other.pid
        assert board.device in caught.value.fields()["command"]
    await (await open_port(board.device, 115200)).aclose()


async def test_the_process_behind_a_pty_is_no_rival_unless_it_locks_it(board: Pty) -> None:
    """A simulator often keeps both ends of the pty it offers."""
    with other_process(OPEN + "pty.openpty(); ", board.device):
        await (await open_port(board.device, 115200)).aclose()
    with other_process(OPEN + LOCK + "pty.openpty(); ", board.device) as other:
        with pytest.raises(PortBusy) as caught:
            await open_port(board.device, 115200)
        assert caught.value.fields()["pid"] == other.pid


async def test_nobody_else_can_open_an_open_port(board: Pty) -> None:
    port = await open_port(board.device, 115200)
    with pytest.raises(PortBusy) as caught:
        await open_port(board.device, 115200)
    assert caught.value.fields()["pid"] == os.getpid()
    await port.aclose()
    await (await open_port(board.device, 115200)).aclose()


@pytest.mark.parametrize("name", ["missing", "regular", "folder", "/dev/null"])
async def test_what_is_no_port(tmp_path: Path, name: str) -> None:
    (tmp_path / "regular").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    kind = PortNotFound if name == "missing" else PortUnusable
    with pytest.raises(kind) as caught:
        await open_port(str(tmp_path / name), 115200)
    assert caught.value.hint


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_no_descriptor_is_left_by_a_failed_open(board: Pty, tmp_path: Path) -> None:
    port = await open_port(board.device, 115200)
    (tmp_path / "regular").write_bytes(b"x")
    before = open_descriptors()
    for name in (board.device, str(tmp_path / "regular"), str(tmp_path / "missing")):
        with pytest.raises(PortError):
            await open_port(name, 115200)
    assert open_descriptors() == before
    await port.aclose()


async def test_waiting_for_a_named_port_that_appears(board: Pty, tmp_path: Path) -> None:
    link = tmp_path / "board"
    timer = threading.Timer(0.3, link.symlink_to, [board.device])
    timer.start()
    with trio.fail_after(5):
        assert await wait_for_port(str(link)) == str(link)
    timer.join()


OURS = {"vid": 1, "pid": 1, "serial_number": "ours"}


async def test_waiting_for_a_board_that_comes_back_under_another_name() -> None:
    before, other = PortInfo("/dev/x0", **OURS), PortInfo("/dev/x1", vid=1, pid=1)
    back = PortInfo("/dev/x2", **OURS)
    looks = iter([[], [other]])
    ours = identify(before, [before])
    assert ours is not None
    with trio.fail_after(5):
        found = await wait_for_board(ours, "/dev/x0", fail, look=lambda: next(looks, [back]))
    assert found == "/dev/x2"


def fail(port: object) -> None:
    raise AssertionError(port)


@pytest.mark.parametrize("name", ["/dev/x0", None], ids=["named", "the only one"])
async def test_another_board_is_never_taken_for_ours_and_said_once(
    name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a hub that comes back, boards may come under each other's names."""
    monkeypatch.setattr(follow, "OTHER_S", 0.1)
    before = PortInfo("/dev/x0", **OURS)
    other = PortInfo("/dev/x0", vid=1, pid=1, serial_number="other")
    ours = identify(before, [before])
    assert ours is not None
    told: list[PortInfo] = []
    with trio.move_on_after(1) as waiting:
        await wait_for_board(ours, name, told.append, look=lambda: [other])
    assert waiting.cancelled_caught
    assert told == [other]


class Desk:
    """The boards that the system lists, by the pty that each is behind."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.boards: list[tuple[Pty, str]] = []
        monkeypatch.setattr(serial.tools.list_ports, "comports", self._list)

    def _list(self) -> list[SimpleNamespace]:
        more = {"vid": 1, "pid": 1, "manufacturer": None, "location": None, "description": "n/a"}
        return [
            SimpleNamespace(device=board.device, serial_number=number, **more)
            for board, number in self.boards
        ]

    def plug(self, number: str) -> Pty:
        self.boards.append((board := Pty(), number))
        return board

    def unplug(self, board: Pty) -> None:
        self.boards = [(other, number) for other, number in self.boards if other is not board]
        board.unplug()


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    desk = Desk(monkeypatch)
    try:
        yield desk
    finally:
        for board, _ in desk.boards:
            board.unplug()


@pytest.mark.parametrize("named", [True, False], ids=["named", "the only one"])
async def test_a_console_follows_its_board_and_no_other_and_loses_nothing_typed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    monkeypatch.setattr(follow, "OTHER_S", 0.1)
    shown: list[object] = []
    told: list[Notice] = []

    async def show(item: object) -> None:
        shown.append(item)

    first = desk.plug("ours")
    name = first.device if named else None
    way = BoardPort(show, 115200)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(way.send_typed)
        with trio.fail_after(20):
            await way.find(lambda: name, told.append)
            nursery.start_soon(read_until_lost, way)
            first.say(b"before\r\n")
            await until(lambda: [item for item in shown if isinstance(item, DeviceText)])
            desk.unplug(first)
            way.type(b"typed while it was away")
            other = desk.plug("other")
            nursery.start_soon(way.find, lambda: name, told.append)
            await until(lambda: not way.name)
            if not named:  # nobody is where a named one was: its name is free
                await until(lambda: told)
                assert "serial number ours" in told[0].text
                assert other.device in told[0].text
            back = desk.plug("ours")
            await until(lambda: way.name)
            assert way.name == back.device
            nursery.start_soon(way.read)
            typed = await trio.to_thread.run_sync(back.hear, 23)
            assert typed == b"typed while it was away"
        nursery.cancel_scope.cancel()
    await way.aclose()


async def read_until_lost(way: BoardPort) -> None:
    with pytest.raises(PortLost):
        await way.read()


async def until(true: Callable[[], object]) -> None:
    with trio.fail_after(10):
        while not true():
            await trio.sleep(0.01)


async def test_a_held_port_is_said_with_its_holder_and_taken_when_it_is_free(board: Pty) -> None:
    async def show(_item: object) -> None:
        pass

    way = BoardPort(show, 115200)
    told: list[Notice] = []
    async with trio.open_nursery() as nursery:
        with trio.fail_after(20):
            with other_process(OPEN, board.device) as other:
                nursery.start_soon(way.find, lambda: board.device, told.append)
                await until(lambda: told)
            await until(lambda: way.name)
    (notice,) = told
    assert f"held by pid {other.pid}" in notice.text
    assert "waiting" in notice.text
    assert way.name == board.device
    await way.aclose()


def test_an_open_port_does_not_keep_the_process_from_dying(board: Pty) -> None:
    program = (
        "import sys, trio\n"
        "from fbuild_watch.serial import open_port\n"
        "async def main():\n"
        "    port = await open_port(sys.argv[1], 115200)\n"
        "    print(flush=True)\n"
        "    await port.receive_some()\n"
        "trio.run(main)\n"
    )
    command = [sys.executable, "-c", program, board.device]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        other.send_signal(signal.SIGINT)
        _, words = other.communicate(timeout=10)
    assert b"KeyboardInterrupt" in words


async def test_what_was_typed_is_on_the_line_before_the_port_is_lent(board: Pty) -> None:
    """A reset that follows at once would take the bytes that the adapter still holds."""

    async def show(_item: object) -> None:
        pass

    way = BoardPort(show, 1200)
    await way.open(board.device)
    lent: list[float] = []

    async def note(_port: Port) -> None:
        lent.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(way.read)
        nursery.start_soon(way.send_typed)
        started = trio.current_time()
        way.type(b"x" * 60)  # half a second at this speed
        assert await trio.to_thread.run_sync(board.hear, 60) == b"x" * 60
        await way.borrow("flasher", note)
        assert 0.5 <= lent[0] - started < 1.0
        before = trio.current_time()
        await way.borrow("flasher", note)  # nothing was sent since: nothing is waited for
        assert lent[1] - before < 0.2
        nursery.cancel_scope.cancel()
    await way.aclose()


async def test_a_board_that_takes_nothing_stops_neither_the_end_nor_a_flash(board: Pty) -> None:
    async def show(_item: object) -> None:
        pass

    way = BoardPort(show, 115200)
    await way.open(board.device)

    async def restart(_port: Port) -> None:
        await trio.to_thread.run_sync(board.hear, 4000)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(way.read)
        nursery.start_soon(way.send_typed)
        way.type(b"x" * 20_000)  # more than a pty takes
        started = trio.current_time()
        await way.type_out()
        assert trio.current_time() - started < 2
        with trio.fail_after(5):
            await way.borrow("flasher", restart)
            await trio.to_thread.run_sync(board.hear, 10_000)  # the rest goes on, but for a piece
        nursery.cancel_scope.cancel()
    await way.aclose()


async def test_a_speed_that_the_port_refuses_leaves_the_one_there_was(board: Pty) -> None:
    seen = trio.Event()

    async def show(_item: object) -> None:
        seen.set()

    way = BoardPort(show, 115200)
    await way.open(board.device)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(way.read)
        board.say(b"x")
        with trio.fail_after(5):
            await seen.wait()
        with pytest.raises(PortUnusable):
            await way.change_baud(99_999_999_999)
        assert way.baud == 115200
        nursery.cancel_scope.cancel()
    await way.aclose()
