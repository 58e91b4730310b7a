"""Runs commands in trio: output streamed and captured, a time limit, and an end that leaves nothing.

Rules
- A command runs in a process group. When it is cancelled, or its time is up, the whole group gets
  SIGTERM and, after a grace, SIGKILL: children of its children too.
- Its group dies with us, however we die, unless the caller brings a LastingGroup.
- Several commands may share a group (the compilers of a build): the end of one by cancel is the end
  of all. Without one, a command has a group of its own, of which nothing is left afterwards.
- It runs in the environment of the work at hand (`surroundings`) unless the caller gives one.
- A program's end is its end: who of its children holds its pipes longer than REST_S is not heard.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import trio

from fbuild_watch.errors import TimedOut
from fbuild_watch.processes.ended import Argv, Ended, not_started
from fbuild_watch.system import surroundings

if sys.platform == "win32":
    from fbuild_watch.processes.group_windows import LastingGroup, ProcessGroup
else:
    from fbuild_watch.processes.group_posix import LastingGroup, ProcessGroup

__all__ = ["Ended", "LastingGroup", "OnOutput", "ProcessGroup", "child", "run_command"]

GRACE_S = 0.5
"""Between SIGTERM and SIGKILL."""

REST_S = 2.0
"""How long the pipes may stay open after the program's end."""

PATIENCE_S = 5.0
"""How long a `child` may take to end when its standard input does."""

OnOutput = Callable[[Literal["stdout", "stderr"], bytes], None]
"""Told of output as it comes, in pieces of any size."""


def _unheard(_stream: str, _data: bytes) -> None:
    """Nobody listens while it runs."""


async def run_command(
    argv: Argv,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    input: bytes = b"",
    time_limit: float = math.inf,
    merged: bool = False,
    on_output: OnOutput = _unheard,
    group: ProcessGroup | LastingGroup | None = None,
) -> Ended:
    """Run a command to its end, whatever its exit code.

    `input` is all of its standard input. `merged`: its errors go into its output, in their order.
    `time_limit` is in seconds. Raises CommandNotStarted, TimedOut; what `on_output` raises ends the
    command, and arrives in an ExceptionGroup.
    """
    began = trio.current_time()
    ours = group or ProcessGroup()
    try:
        process = await _start(argv, cwd, env, ours, has_input=bool(input), merged=merged)
        heard = _Heard(process, on_output)
        async with _ended_on_error(process, ours):
            with trio.move_on_after(time_limit) as limit:
                await heard.until_it_ends(input)
            if limit.cancelled_caught:
                raise TimedOut(str(argv[0]), time_limit)
    finally:
        if group is None:
            ours.kill()
    assert process.returncode is not None
    seconds = trio.current_time() - began
    return Ended(process.returncode, bytes(heard.stdout), bytes(heard.stderr), seconds)


@asynccontextmanager
async def child(argv: Argv) -> AsyncIterator[trio.Process]:
    """A program for the length of the block, with pipes at its stdin and stdout, out of reach of
    this terminal's Ctrl-C. It is asked to end by the end of its stdin. Raises CommandNotStarted.
    """
    group = LastingGroup()
    process = await _start(argv, None, None, group, has_input=True, merged=None)
    try:
        yield process
    finally:
        with trio.CancelScope(shield=True):
            await _close(process.stdin)
            with trio.move_on_after(PATIENCE_S):
                await process.wait()
            if process.returncode is None:
                await _end(process, group)
            await _close(process.stdout)


async def _start(
    argv: Argv,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    group: ProcessGroup | LastingGroup,
    *,
    has_input: bool,
    merged: bool | None,
) -> trio.Process:
    """`merged` None: its errors are ours. Raises CommandNotStarted."""
    theirs = {True: subprocess.STDOUT, False: subprocess.PIPE, None: None}
    try:
        if not group.ready:
            await trio.to_thread.run_sync(group.make_ready)
        process = await trio.lowlevel.open_process(
            [str(word) for word in argv],
            cwd=cwd,
            env=surroundings.for_child() if env is None else dict(env),
            stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=theirs[merged],
            **group.options(),
        )
    except OSError as error:
        where = surroundings.environ() if env is None else env
        raise await trio.to_thread.run_sync(not_started, argv, cwd, where, error) from error
    group.add(process)
    return process


class _Heard:
    """What a process says, from its start to its end."""

    def __init__(self, process: trio.Process, on_output: OnOutput) -> None:
        self.stdout, self.stderr = bytearray(), bytearray()
        self._process = process
        self._on_output = on_output

    async def until_it_ends(self, input: bytes) -> None:
        """Give it its input, and listen."""
        process = self._process
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, "stdout", process.stdout, self.stdout)
            if process.stderr is not None:
                nursery.start_soon(self._listen, "stderr", process.stderr, self.stderr)
            if process.stdin is not None:
                nursery.start_soon(_feed, process.stdin, input)
            await process.wait()
            nursery.cancel_scope.deadline = trio.current_time() + REST_S

    async def _listen(
        self, name: Literal["stdout", "stderr"], stream: Any, kept: bytearray
    ) -> None:
        async with stream:
            async for data in stream:
                kept += data
                self._on_output(name, data)


async def _feed(stream: trio.abc.SendStream, data: bytes) -> None:
    with suppress(trio.BrokenResourceError):  # it does not want to read all of it
        await stream.send_all(data)
    await stream.aclose()


@asynccontextmanager
async def _ended_on_error(
    process: trio.Process, group: ProcessGroup | LastingGroup
) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        with trio.CancelScope(shield=True):
            await _end(process, group)
            for stream in (process.stdin, process.stdout, process.stderr):
                await _close(stream)
        raise


async def _end(process: trio.Process, group: ProcessGroup | LastingGroup) -> None:
    """End the group of a process: in good order, or by force after a grace."""
    group.terminate()
    with trio.move_on_after(GRACE_S):
        await process.wait()
        return
    group.kill()
    await process.wait()


async def _close(stream: trio.abc.AsyncResource | None) -> None:
    if stream is not None:
        await stream.aclose()
