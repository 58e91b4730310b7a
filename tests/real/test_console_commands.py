"""The commands of a console that are for the board's port or for the loop, on a virtual board."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from fbuild_watch import app
from fbuild_watch.board import oneshot
from fbuild_watch.model import Command, CommandName, ConsoleInput, ConsoleItem, Notice
from tests.real.conftest import ServedBoard

LIMIT = 60.0
"""Seconds, for a first build on a busy machine."""


class Desk:
    """A console whose person is the test: it asks, and looks for what is said."""

    def __init__(self) -> None:
        self.here = trio.Event()
        self.leave = trio.Event()
        self.said = ""
        self._changed = trio.Condition()

    async def console(
        self,
        items: trio.MemoryReceiveChannel[ConsoleItem],
        inputs: trio.MemorySendChannel[ConsoleInput],
    ) -> None:
        self._inputs = inputs
        self.here.set()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, items)
            await self.leave.wait()
            nursery.cancel_scope.cancel()

    async def _listen(self, items: trio.MemoryReceiveChannel[ConsoleItem]) -> None:
        async for item in items:
            if isinstance(item, Notice):
                async with self._changed:
                    self.said += item.text + "\n"
                    self._changed.notify_all()

    async def ask(self, name: CommandName, *arguments: str) -> None:
        await self.here.wait()
        await self._inputs.send(Command(name, arguments))

    async def see(self, pattern: str) -> str:
        """The first match, and everything up to it is seen."""
        with trio.fail_after(LIMIT):
            async with self._changed:
                while not (match := re.search(pattern, self.said, re.MULTILINE)):
                    await self._changed.wait()
        self.said = self.said[match.end() :]
        return match[0]


@pytest.fixture
async def desk() -> Desk:
    return Desk()


async def test_a_console_alone_moves_lines_and_speed_and_says_what_it_cannot(
    desk: Desk, tmp_path: Path, nursery: trio.Nursery, virtual_board: Callable[..., ServedBoard]
) -> None:
    nursery.start_soon(oneshot.talk, virtual_board().url, 115200, desk.console)
    await desk.ask("baud", "9600")
    await desk.see("^the console is at 9600 baud$")
    await desk.ask("dtr", "on")
    await desk.see("^DTR is on$")
    await desk.ask("dtr", "off")
    await desk.see("^DTR is off$")
    await desk.ask("rts", "maybe")
    await desk.see("^RTS cannot be 'maybe'\non or off$")
    await desk.ask("baud", "fast")
    await desk.see("^'fast' is no speed")
    await desk.ask("baud")
    await desk.see("^0 arguments where one belongs")
    await desk.ask("break")
    await desk.see("^a break was sent$")
    text = tmp_path / "text"
    text.write_bytes(b"sent line\n")
    await desk.ask("send", str(text), "raw")
    await desk.see(r"^text was sent \(raw")
    await desk.ask("send", str(tmp_path / "missing"))
    await desk.see("No such file")
    await desk.ask("send", str(text), "pigeon")
    await desk.see("'pigeon' is no protocol")
    await desk.ask("send")
    await desk.see("^which file, and how")
    await desk.ask("ports")
    await desk.see("serial ports|/dev/")
    await desk.ask("explain")
    await desk.see("only `fbuild watch` builds")
    desk.leave.set()


async def test_into_the_bootloader_and_out_again(
    desk: Desk, nursery: trio.Nursery, virtual_board: Callable[..., ServedBoard]
) -> None:
    nursery.start_soon(oneshot.talk, virtual_board().url, 115200, desk.console)
    await desk.ask("bootloader")
    await desk.see(r"^ESP32-C3 \S+.* is in its bootloader")
    await desk.ask("reset")
    desk.leave.set()


async def test_what_is_asked_of_the_loop(
    desk: Desk,
    project: Path,
    nursery: trio.Nursery,
    virtual_board: Callable[..., ServedBoard],
) -> None:
    board = virtual_board()
    settings = app.Settings(project, port=board.url)
    nursery.start_soon(app.run, settings, desk.console)
    await desk.ask("explain")
    await desk.see("^nothing was built yet$")
    await desk.see("^flashed bootloader")
    await desk.ask("explain")
    await desk.see(r"main\.cpp: ")
    await desk.ask("size")
    await desk.see(r"program +[\d,]+ bytes")
    await desk.ask("verify")
    build = (await desk.see(r"^the board holds build \w+$")).split()[-1]
    await desk.ask("status")
    await desk.see(rf"built +{build}$")

    await desk.ask("pause")
    await desk.see("^watching is paused")
    greeting = project / "src" / "greeting.h"
    greeting.write_text('#pragma once\n#define GREETING "later"\n')
    await desk.ask("status")
    await desk.see("^watching is paused: edits wait$")
    await desk.ask("resume")
    await desk.see("^watching again$")
    await desk.see(r"compiled main\.cpp")
    await desk.see("^flashed app")

    board.flash_path.write_bytes(b"\x00" * board.flash_path.stat().st_size)  # by another tool
    await desk.ask("verify")
    await desk.see("^the board does not hold build .*app differ")
    desk.leave.set()
