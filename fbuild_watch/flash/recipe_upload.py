"""A core's own upload program (avrdude, bossac, picotool, ...), run once on a port that is closed.

Not here: which program that is (`project/`), and what has to happen to the port before and after
(`tool_upload.py`).

Rules
- The program runs in a process group of its own: Ctrl-C in the terminal does not reach it.
- Once it has started it is not cancelled: what it has begun to write it ends, or says that it
  cannot. Only one that says nothing for `silence` seconds is ended, with all that it started.
- What it prints is progress, and, word for word, part of the result or of the error.
"""

from __future__ import annotations

import codecs
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import PurePath
from typing import Any

import trio

from fbuild_watch.errors import ToolMissing, UploadFailed, UploadStalled
from fbuild_watch.flash.listener import Listener
from fbuild_watch.flash.tool_output import ToolProgress, proof
from fbuild_watch.model import UploadRecipe, UploadReport

SILENCE_S = 60.0
"""No tool is silent for longer while it works: erasing a large chip takes about half of that."""

REST_S = 2.0
"""How long the pipes may stay open after the program's end (a child of its own may hold them)."""


async def run_recipe(
    recipe: UploadRecipe, port: str, listener: Listener, *, silence: float = SILENCE_S
) -> UploadReport:
    """Upload what the recipe names to the board on `port`, which must be closed.

    Raises ToolMissing, UploadFailed, UploadStalled.
    """
    argv = filled(recipe, port)
    started = time.monotonic()
    try:
        process = await trio.lowlevel.open_process(
            list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            **_own_group(),
        )  # fmt: skip
    except OSError as error:
        raise ToolMissing(recipe.tool, argv[0]) from error
    with trio.CancelScope(shield=True):
        listener.erasing()
        run = _Run(process, recipe.tool, port, listener)
        await run.to_its_end(silence)
    seconds = {"written": time.monotonic() - started}
    stdout, stderr = run.words
    return UploadReport(port, recipe.tool, proof(argv, stdout + stderr), seconds, stdout, stderr)


def filled(recipe: UploadRecipe, port: str) -> tuple[str, ...]:
    """The command, with the port in it: `{serial.port}` is its path, `{serial.port.file}` its name."""
    names = {"{serial.port.file}": PurePath(port).name, "{serial.port}": port}
    words = []
    for word in recipe.argv:
        for reference, value in names.items():
            word = word.replace(reference, value)
        words.append(word)
    return tuple(words)


class _Run:
    """A running program, and what it has said."""

    def __init__(self, process: trio.Process, tool: str, port: str, listener: Listener) -> None:
        self._process = process
        self._tool = tool
        self._port = port
        self._listener = listener
        self._progress = ToolProgress()
        self._heard = trio.current_time()
        self._stdout: list[str] = []
        self._stderr: list[str] = []

    @property
    def words(self) -> tuple[str, str]:
        """Its stdout and its stderr, so far."""
        return "".join(self._stdout), "".join(self._stderr)

    async def to_its_end(self, silence: float) -> None:
        """Read what it says until it ends. Raises UploadFailed, UploadStalled."""
        process = self._process
        assert process.stdout is not None
        assert process.stderr is not None
        async with process.stdout, process.stderr, trio.open_nursery() as readers:
            readers.start_soon(self._read, process.stdout, self._stdout)
            readers.start_soon(self._read, process.stderr, self._stderr)
            ended = await self._wait(silence)
            readers.cancel_scope.deadline = trio.current_time() + REST_S
        if not ended:
            raise UploadStalled(self._port, self._tool, silence, *self.words)
        if process.returncode:
            raise UploadFailed(self._port, self._tool, process.returncode, *self.words)

    async def _read(self, stream: trio.abc.ReceiveStream, said: list[str]) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        async for data in stream:
            self._heard = trio.current_time()
            said.append(decoder.decode(data))
            self._listener.progress(self._progress.feed(said[-1]))

    async def _wait(self, silence: float) -> bool:
        """Whether it ended by itself."""
        while (left := self._heard + silence - trio.current_time()) > 0:
            with trio.move_on_after(left):
                await self._process.wait()
                return True
        _kill_group(self._process)
        await self._process.wait()
        return False


def _own_group() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _kill_group(process: trio.Process) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
