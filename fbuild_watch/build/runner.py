"""Runs commands: output captured whole, ended cleanly on cancel. It knows nothing of the graph.

Rules
- Standard input is empty; stdout and stderr come back as one text.
- On cancel: SIGTERM to the whole process group, after a grace SIGKILL. When the build ends by
  cancel, `clear` makes sure that nothing of the group is left.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

from fbuild_watch import surroundings

if sys.platform == "win32":
    from fbuild_watch.build.group_windows import ProcessGroup
else:
    from fbuild_watch.build.group_posix import ProcessGroup

_GRACE = 0.5
"""Seconds between SIGTERM and SIGKILL."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: exit code (negative: a signal), its words, and the seconds it took."""

    code: int
    output: str
    seconds: float
    reused: bool = False
    """Whether nothing was run: the object cache had what it would have made."""


class Runner:
    """Runs commands in one folder. Safe to use from many tasks at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._group = ProcessGroup()

    async def run(self, argv: Sequence[str]) -> Outcome:
        """Run a command to its end. Raises OSError when it cannot be started."""
        started = trio.current_time()
        process = await trio.lowlevel.open_process(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self._folder,
            env=surroundings.for_child(),
            **self._group.options(),
        )
        output = bytearray()
        try:
            assert process.stdout is not None
            async with process.stdout:
                async for chunk in process.stdout:
                    output += chunk
            code = await process.wait()
        except BaseException:
            await self._end(process)
            raise
        text = output.decode("utf-8", errors="replace").replace("\r\n", "\n")
        return Outcome(code, text, trio.current_time() - started)

    def clear(self) -> None:
        """Kill whatever of the group is left."""
        self._group.kill()

    async def _end(self, process: trio.Process) -> None:
        with trio.CancelScope(shield=True):
            self._group.terminate()
            process.terminate()
            with trio.move_on_after(_GRACE):
                await process.wait()
                return
            self._group.kill()
            process.kill()
            await process.wait()
