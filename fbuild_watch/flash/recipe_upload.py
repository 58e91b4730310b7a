"""A core's own upload program (avrdude, bossac, picotool, ...), run once on a port that is closed.

Not here: which program that is (`project/`), and what has to happen to the port before and after
(`board/tool_upload.py`).

Rules
- The program runs in a process group of its own: Ctrl-C in the terminal does not reach it.
- Once it has started it is not cancelled: what it has begun to write it ends, or says that it
  cannot. Only one that says nothing for `silence` seconds is ended, with all that it started.
- What it prints is progress, and, word for word, part of the result or of the error.
"""

from __future__ import annotations

import codecs
from pathlib import PurePath

import trio

from fbuild_watch.errors import CommandNotStarted, ToolMissing, UploadFailed, UploadStalled
from fbuild_watch.flash.listener import Listener
from fbuild_watch.flash.tool_output import ToolProgress, proof
from fbuild_watch.model import UploadRecipe, UploadReport
from fbuild_watch.processes.ended import Ended
from fbuild_watch.processes.run_command import LastingGroup, run_command

SILENCE_S = 60.0
"""No tool is silent for longer while it works: erasing a large chip takes about half of that."""


async def run_recipe(
    recipe: UploadRecipe, port: str, listener: Listener, *, silence: float = SILENCE_S
) -> UploadReport:
    """Upload what the recipe names to the board on `port`, which must be closed.

    Raises ToolMissing, UploadFailed, UploadStalled.
    """
    argv = filled(recipe, port)
    run = _Run(recipe.tool, port, listener, silence)
    await trio.lowlevel.checkpoint_if_cancelled()
    try:
        with trio.CancelScope(shield=True):
            listener.erasing()
            ended = await run.to_its_end(argv)
    except CommandNotStarted as error:
        raise ToolMissing(recipe.tool, argv[0]) from error
    seconds = {"written": ended.seconds}
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

    def __init__(self, tool: str, port: str, listener: Listener, silence: float) -> None:
        self._tool = tool
        self._port = port
        self._listener = listener
        self._silence = silence
        self._patience = trio.CancelScope()
        self._progress = ToolProgress()
        utf8 = codecs.getincrementaldecoder("utf-8")
        self._decoders = {"stdout": utf8("replace"), "stderr": utf8("replace")}
        self._said: dict[str, list[str]] = {"stdout": [], "stderr": []}

    @property
    def words(self) -> tuple[str, str]:
        """Its stdout and its stderr, so far."""
        return "".join(self._said["stdout"]), "".join(self._said["stderr"])

    async def to_its_end(self, argv: tuple[str, ...]) -> Ended:
        """Raises CommandNotStarted, UploadFailed, UploadStalled."""
        self._wait_for_more()
        with self._patience:
            ended = await run_command(argv, on_output=self._hear, group=LastingGroup())
            if ended.code:
                raise UploadFailed(self._port, self._tool, ended.code, *self.words)
            return ended
        raise UploadStalled(self._port, self._tool, self._silence, *self.words)

    def _hear(self, stream: str, data: bytes) -> None:
        self._wait_for_more()
        words = self._decoders[stream].decode(data)
        self._said[stream].append(words)
        self._listener.progress(self._progress.feed(words))

    def _wait_for_more(self) -> None:
        self._patience.deadline = trio.current_time() + self._silence
