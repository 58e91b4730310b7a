"""`fbuild demo`: the whole loop on a board that is not there.

The example is copied into a scratch folder, a virtual board is served by a child process that
cannot outlive us (it ends when the pipe to its standard input closes, whatever ends us), and the
ordinary `watch` runs on both, in a runtime folder of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from fbuild_watch import app, daemon
from fbuild_watch.console.goals import Goals
from fbuild_watch.console.headless import run_headless
from fbuild_watch.console.output import writer
from fbuild_watch.console.printed import Lines
from fbuild_watch.control.lock import Held
from fbuild_watch.errors import BoardUnusable
from fbuild_watch.example import copy_example
from fbuild_watch.feed import Console
from fbuild_watch.model import ConsoleInput, ConsoleItem
from fbuild_watch.processes.run_command import child

BOARD_START_S = 20.0
PASS_S = 120.0
"""The first pass compiles the whole core, on any machine."""

OLD, NEW = '"hello"', '"hello again"'


def prepare(folder: Path) -> Path:
    """Copy the example into `folder`, use a runtime folder beside it, and return the project."""
    os.environ["FBUILD_RUNTIME_DIR"] = str(folder / "run")
    project = folder / "hello-c3"
    copy_example(project)
    return project


@asynccontextmanager
async def virtual_board(flash: Path) -> AsyncIterator[str]:
    """A served virtual board for the length of the block; gives its URL. Raises BoardUnusable."""
    command = [
        *(sys.executable, "-m", "fbuild_watch", "board", "serve", "--chip", "esp32c3"),
        *("--flash", str(flash), "--listen", "0", "--timing", "real", "--with-parent"),
    ]
    async with child(command) as board:
        yield await _first_line(board)


async def _first_line(board: trio.Process) -> str:
    assert board.stdout is not None
    line = b""
    with trio.move_on_after(BOARD_START_S):
        while not line.endswith(b"\n"):
            data = await board.stdout.receive_some()
            if not data:
                break
            line += data
    if not line.endswith(b"\n"):
        raise BoardUnusable(
            "the virtual board did not start",
            hint="its own words are above; is the demo extra installed (fbuild-watch[demo])?",
        )
    return line.decode().strip()


async def run(held: Held, options: daemon.Options, project: Path, console: Console) -> None:
    """The interactive demo: `fbuild watch`, with all that talks to it, until the console is left."""
    edit = project / "src" / "greeting.h"
    greeting = (
        f"a virtual ESP32-C3 is connected. Edit and save this file:\n    {edit}\n"
        f"Other commands find this watch with FBUILD_RUNTIME_DIR={held.folder}"
    )
    async with virtual_board(project.parent / "flash.bin") as url:
        settings = app.Settings(project, port=url, greeting=greeting)
        await daemon.run(held, options, settings, console)


async def run_once(project: Path) -> list[Mapping[str, float]]:
    """Two passes of the loop without a person or a server: the first build, one scripted edit.

    Returns their phase times. Raises what `watch` would show, or ExpectTimeout.
    """
    script = Script(project / "src" / "greeting.h")
    async with virtual_board(project.parent / "flash.bin") as url:
        settings = app.Settings(project, port=url)
        await app.run(settings, script.play, on_pass=script.passed)
    return script.passes


@dataclass
class Script:
    """A console that nobody sits at: it waits for output, edits a file, and waits again."""

    file: Path
    passes: list[Mapping[str, float]] = field(default_factory=list)
    _passed: trio.Event = field(default_factory=trio.Event)

    def passed(self, phases: Mapping[str, float]) -> None:
        """The loop tells of a pass."""
        self.passes.append(phases)
        self._passed.set()

    async def play(
        self,
        items: trio.MemoryReceiveChannel[ConsoleItem],
        inputs: trio.MemorySendChannel[ConsoleInput],
    ) -> None:
        """The script, as a console for `app.run`."""
        await self._see(items, inputs, "hello")
        file = trio.Path(self.file)
        text = await file.read_text(encoding="utf-8")
        await file.write_text(text.replace(OLD, NEW), encoding="utf-8")
        await self._see(items, inputs, "hello again")

    async def _see(
        self,
        items: trio.MemoryReceiveChannel[ConsoleItem],
        inputs: trio.MemorySendChannel[ConsoleInput],
        line: str,
    ) -> None:
        """Show everything until the board has printed `line` and the loop has told its times."""
        await run_headless(
            items,
            inputs,
            Goals([f"^{line}$"]),
            Lines(writer(sys.stdout), writer(sys.stderr)),
            timeout=PASS_S,
        )
        with trio.move_on_after(app.FIRST_BYTE_S):
            await self._passed.wait()
        self._passed = trio.Event()
