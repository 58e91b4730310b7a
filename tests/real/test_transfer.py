"""Files to a board: lrzsz's receivers on a pty (where installed), and a board that just listens."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest
import trio

from fbuild_watch.board import transfer
from fbuild_watch.board.port import BoardPort
from fbuild_watch.errors import PortError, PortLost, PortNotFound, TransferFailed
from fbuild_watch.model import ConsoleItem, DeviceText
from fbuild_watch.serial.modem import ABORT
from tests.real.pty_board import Pty

DATA = bytes(range(256)) * 40 + b"the end"

RECEIVERS = {
    "xmodem": ("rx", "-c", "received"),
    "xmodem-1k": ("rx", "-c", "received"),
    "ymodem": ("rb",),
}
needs_lrzsz = pytest.mark.skipif(shutil.which("rx") is None, reason="lrzsz is not installed")


@pytest.fixture
def board() -> Iterator[Pty]:
    board = Pty()
    yield board
    board.unplug()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(DATA)
    return path


class Console:
    """A console on a board: its port, and what was shown."""

    def __init__(self) -> None:
        self.text = ""
        self.way = BoardPort(self._show, 115200)
        self.lost = trio.Event()

    async def _show(self, item: ConsoleItem) -> None:
        if isinstance(item, DeviceText):
            self.text += item.text + "\n" * item.complete

    async def read(self) -> None:
        try:
            await self.way.read()
        except PortError:
            self.lost.set()


@asynccontextmanager
async def console(board: Pty) -> AsyncIterator[Console]:
    talking = Console()
    await talking.way.open(board.device)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(talking.read)
        nursery.start_soon(talking.way.send_typed)
        yield talking
        nursery.cancel_scope.cancel()
    await talking.way.aclose()


@contextmanager
def receiver(board: Pty, protocol: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """lrzsz on the board's end, on pipes: given a terminal, it would set that of the console."""
    folder.mkdir()
    with subprocess.Popen(
        RECEIVERS[protocol],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        pumps = [
            Thread(target=_pump, args=(running, running.stdout.fileno(), board.fd)),
            Thread(target=_pump, args=(running, board.fd, running.stdin.fileno())),
        ]
        for pump in pumps:
            pump.start()
        try:
            yield running
        finally:
            running.kill()
            for pump in pumps:
                pump.join(5)


def _pump(running: subprocess.Popen[bytes], source: int, sink: int) -> None:
    with suppress(OSError):
        while running.poll() is None:
            if select.select([source], [], [], 0.05)[0]:
                os.write(sink, os.read(source, 4096))


@needs_lrzsz
@pytest.mark.parametrize("protocol", RECEIVERS)
async def test_a_file_arrives_whole_and_the_console_goes_on(
    board: Pty, file: Path, tmp_path: Path, protocol: str
) -> None:
    places: list[tuple[int, int]] = []
    async with console(board) as talking:
        with receiver(board, protocol, tmp_path / "board") as running:
            with trio.fail_after(30):
                while not talking.text.endswith("C"):  # the receiver has begun
                    await trio.sleep(0.01)
                await transfer.send_file(
                    talking.way, file, protocol, lambda *place: places.append(place)
                )
                assert await trio.to_thread.run_sync(running.wait) == 0
        (arrived,) = (tmp_path / "board").iterdir()
        data = arrived.read_bytes()
        if protocol == "ymodem":
            assert arrived.name == file.name
            assert data == DATA
        assert data[: len(DATA)] == DATA
        assert not data[len(DATA) :].strip(b"\x1a")
        assert places[0][0] == 0
        assert places[-1] == (len(DATA), len(DATA))
        board.say(b"back\r\n")
        with trio.fail_after(5):
            while "back\n" not in talking.text:
                await trio.sleep(0.01)


@needs_lrzsz
async def test_a_receiver_that_is_ended_in_the_middle_ends_it(
    board: Pty, file: Path, tmp_path: Path
) -> None:
    async with console(board) as talking:
        with receiver(board, "xmodem", tmp_path / "board") as running:

            def cancel(done: int, _total: int) -> None:
                if done > 2000:
                    running.kill()
                    running.wait()
                    board.say(b"\x18\x18")

            with trio.fail_after(30), pytest.raises(TransferFailed, match="cancelled") as caught:
                await transfer.send_file(talking.way, file, "xmodem", cancel)
    assert caught.value.exit_code == 86


async def test_a_cancelled_transfer_tells_the_receiver(board: Pty, file: Path) -> None:
    async with console(board) as talking:
        board.say(b"C")
        with trio.move_on_after(0.3):
            await transfer.send_file(talking.way, file, "ymodem", lambda *_: None)
        await talking.way.type_out()
        heard = await trio.to_thread.run_sync(board.hear, 133 + len(ABORT))
        assert heard.endswith(ABORT)


@pytest.mark.parametrize("protocol", ["xmodem", "raw:0.01"])
async def test_an_unplugged_board_is_port_lost(board: Pty, file: Path, protocol: str) -> None:
    async with console(board) as talking:
        board.say(b"C")

        def unplug(_done: int, _total: int) -> None:
            board.unplug()

        with trio.fail_after(10), pytest.raises(PortLost):
            await transfer.send_file(talking.way, file, protocol, unplug)
        await talking.way.aclose()
        with pytest.raises(PortNotFound):
            await transfer.send_file(talking.way, file, protocol, unplug)


async def test_a_file_as_it_is_arrives_alone_and_answers_are_shown(board: Pty, file: Path) -> None:
    async with console(board) as talking:
        sent = trio.Event()

        async def send() -> None:
            await transfer.send_file(talking.way, file, "raw", lambda *_: None)
            sent.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            head = await trio.to_thread.run_sync(board.hear, 1)
            talking.way.type(b"typed meanwhile")
            board.say(b"answer\r\n")
            rest = len(DATA) + len("typed meanwhile") - 1
            with trio.fail_after(10):
                heard = head + await trio.to_thread.run_sync(board.hear, rest)
                while "answer\n" not in talking.text:
                    await trio.sleep(0.01)
        assert heard == DATA + b"typed meanwhile"


async def test_lines_are_sent_with_a_pause_after_each(board: Pty, tmp_path: Path) -> None:
    path = tmp_path / "commands.txt"
    path.write_bytes(b"one\ntwo\nthree\n")
    async with console(board) as talking:
        start = trio.current_time()
        await transfer.send_file(talking.way, path, "raw:0.1", lambda *_: None)
        assert trio.current_time() - start >= 0.3
        assert await trio.to_thread.run_sync(board.hear, 14) == path.read_bytes()


@pytest.mark.parametrize("protocol", ["zmodem", "raw:x", "raw:-1", "xmodem:2", ""])
async def test_what_is_no_protocol(board: Pty, file: Path, protocol: str) -> None:
    async with console(board) as talking:
        with pytest.raises(TransferFailed) as caught:
            await transfer.send_file(talking.way, file, protocol, lambda *_: None)
        assert caught.value.hint
        assert file.name in str(caught.value)


async def test_a_file_that_does_not_end(board: Pty) -> None:
    async with console(board) as talking:
        with pytest.raises(TransferFailed, match="larger than 67,108,864 bytes"):
            await transfer.send_file(talking.way, Path("/dev/zero"), "raw", lambda *_: None)


async def test_a_file_that_is_not_there(board: Pty, tmp_path: Path) -> None:
    async with console(board) as talking:
        for path in (tmp_path / "missing", tmp_path, tmp_path / "a\0b"):
            with pytest.raises(TransferFailed, match=str(path)):
                await transfer.send_file(talking.way, path, "raw", lambda *_: None)
