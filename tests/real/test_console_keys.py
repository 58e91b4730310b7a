"""The interactive console by its keys alone: prompt_toolkit's pipe in the keyboard's place.

Here and not among the virtual-time tests, for the console has a thread.
"""

from __future__ import annotations

import errno
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import trio
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from fbuild_watch.console import keyboard_posix, keyboard_windows, raw_face
from fbuild_watch.console.backlog import Backlog
from fbuild_watch.console.history import LIMIT, open_history
from fbuild_watch.console.line_face import LineFace
from fbuild_watch.console.repl import run_repl
from fbuild_watch.model import Command, ConsoleInput, ConsoleItem, DeviceText, Typed

QUIT = "\x1d"


class Console:
    """A running console."""

    def __init__(self, keyboard: PipeInput, history: Path) -> None:
        self.keyboard = keyboard
        self.history = history
        self.show, self._items = trio.open_memory_channel[ConsoleItem](math.inf)
        self._inputs, self.given = trio.open_memory_channel[ConsoleInput](math.inf)

    async def run(self) -> None:
        """To its end. What it gave is in `given`."""
        with trio.fail_after(10), self._inputs:
            await run_repl(self._items, self._inputs, history=self.history)

    async def type(self, keys: str) -> list[ConsoleInput]:
        """What the console gives for `keys` and Ctrl-]."""
        self.keyboard.send_text(keys + QUIT)
        await self.run()
        return [given async for given in self.given]


@pytest.fixture
def keyboard() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


@pytest.fixture
async def console(keyboard: PipeInput, tmp_path: Path) -> Console:
    return Console(keyboard, tmp_path / "history")


@pytest.mark.parametrize(
    ("keys", "given"),
    [
        ("hi\r", [Typed(b"hi\r\n")]),
        ("hi", []),
        ("hello\x08\x08p\r", [Typed(b"help\r\n")]),
        ("gone\x03\r", [Typed(b"\r\n")]),
        ("\x03\x04", [Typed(b"\x03"), Typed(b"\x04")]),
        ("ab\x01\x04\r", [Typed(b"b\r\n")]),
        (":reset\r", [Command("reset")]),
        (":nope\r:help\r", []),
        ("\x14f\x14b\x14r", [Command("flash"), Command("rebuild"), Command("reset")]),
        ("\x14\x06", [Command("flash")]),
        ("\x14~y\r", [Typed(b"y\r\n")]),
        ("\x14\ry\r", [Typed(b"y\r\n")]),
        ("\x14\x14f\r", [Typed(b"\x14"), Typed(b"f\r\n")]),
        ("\x14\x1df\r", [Typed(b"\x1d"), Typed(b"f\r\n")]),
        (
            ":baud 9600\r:dtr on\r:break\r",
            [Command("baud", ("9600",)), Command("dtr", ("on",)), Command("break")],
        ),
        (":send /tmp/a b.bin ymodem\r", [Command("send", ("/tmp/a b.bin", "ymodem"))]),
        (":sendhex 00 0xff\r", [Typed(b"\x00\xff")]),
        (":eol lf\rx\r:eol none\ry\r", [Typed(b"x\n"), Typed(b"y")]),
        ("\t x\r", [Typed(b"\t x\r\n")]),
        (":rebu\t\r", [Command("rebuild")]),
        (":vi on\rabc\x1b0x\rhi\r", [Typed(b"bc\r\n"), Typed(b"hi\r\n")]),
    ],
)
async def test_keys(console: Console, keys: str, given: list[ConsoleInput]) -> None:
    assert await console.type(keys) == [*given, Command("quit")]


async def test_the_menus_quit(console: Console) -> None:
    console.keyboard.send_text("\x14q")
    await console.run()
    assert console.given.receive_nowait() == Command("quit")


async def test_a_history_that_cannot_be_written_does_not_matter(
    console: Console, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    console.history = tmp_path / "file" / "history"
    assert await console.type("x\r") == [Typed(b"x\r\n"), Command("quit")]


def test_a_long_history_loses_its_older_half(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("".join(f"\n# 2026\n+line {number}\n+and more\n" for number in range(50_000)))
    entries = list(open_history(path).load_history_strings())
    numbers = [int(entry.split()[1]) for entry in entries]
    assert entries[0] == "line 49999\nand more"
    assert numbers == list(range(49_999, numbers[-1] - 1, -1))
    assert numbers[-1] > 0
    assert LIMIT // 4 < path.stat().st_size <= LIMIT // 2
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


async def test_a_keyboard_that_goes_away_counts_as_quit(console: Console) -> None:
    console.keyboard.send_text("x\r")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(console.run)
        assert await console.given.receive() == Typed(b"x\r\n")
        console.keyboard.close()
        assert await console.given.receive() == Command("quit")


async def test_cancelling_before_during_and_after_the_start(console: Console) -> None:
    for seconds in (0, 0.001, 0.01, 0.1):
        with trio.move_on_after(seconds) as scope:
            await console.run()
        assert scope.cancelled_caught
        console = Console(console.keyboard, console.history)


async def test_a_defect_in_drawing_ends_it_and_comes_out(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(_self: Backlog) -> None:
        raise ZeroDivisionError("in a frame")

    monkeypatch.setattr(Backlog, "take", take)
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        await console.run()


async def test_a_terminal_that_goes_away_does_not_leave_the_log_open(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def print_rest(_self: LineFace) -> None:
        raise OSError(errno.EIO, "hung up")

    monkeypatch.setattr(LineFace, "print_rest", print_rest)
    assert await console.type(f":log on {tmp_path / 'log'}\r") == [Command("quit")] * 2
    assert not [thread for thread in threading.enumerate() if thread.name == "log"]


async def test_nobody_takes_the_input_any_more(console: Console) -> None:
    console.given.close()
    console.keyboard.send_text("x\r" + QUIT)
    await console.run()


async def test_the_end_of_items_ends_it_without_quit(console: Console) -> None:
    console.show.send_nowait(DeviceText("last words", complete=True, at=0.0))
    console.show.close()
    await console.run()
    assert [given async for given in console.given] == []


@pytest.mark.parametrize("platform", [keyboard_posix, keyboard_windows])
async def test_raw_mode_takes_every_key_until_its_own(
    console: Console, platform: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_face, "listening", platform.listening)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(console.run)
        console.keyboard.send_text("half\x14mab")
        assert await console.given.receive() == Typed(b"ab")
        console.keyboard.send_text("\x1b[A\x03\x14\r\x1b")
        assert await console.given.receive() == Typed(b"\x1b[A\x03\x14\r\x1b")
        console.keyboard.send_text("x\x1d\x01a \r" + QUIT)
        assert await console.given.receive() == Typed(b"x")
        assert await console.given.receive() == Typed(b"a half\r\n")
        assert await console.given.receive() == Command("quit")


@pytest.mark.parametrize("platform", [keyboard_posix, keyboard_windows])
async def test_a_keyboard_that_goes_away_in_raw_mode_counts_as_quit(
    console: Console, platform: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw_face, "listening", platform.listening)
    console.keyboard.send_text("\x14mab")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(console.run)
        assert await console.given.receive() == Typed(b"ab")
        console.keyboard.close()
        assert await console.given.receive() == Command("quit")


async def test_words_of_the_board_are_completed(console: Console) -> None:
    console.show.send_nowait(DeviceText("\x1b[32mheap_free\x1b[0m 12 heap_size", True, 0.0))
    console.show.send_nowait(DeviceText("ready> ", False, 0.0))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(console.run)
        console.keyboard.send_text("x\r")
        assert await console.given.receive() == Typed(b"x\r\n")  # it has been drawn
        console.keyboard.send_text("get hea\tf\t\r" + QUIT)
        assert await console.given.receive() == Typed(b"get heap_free\r\n")
