"""What is piped into a console that has no terminal goes to the board.

Rules
- The end of stdin ends this task and nothing else: a CI job has an empty stdin from the start.
- A terminal is left alone: the person there did not ask for a REPL.
- Read in a thread, for a regular file cannot be waited for, and setting a pipe non-blocking would
  change it for the process at its other end too. The thread is a daemon: it keeps nobody from exiting.
"""

from __future__ import annotations

import os
import sys

import trio

from fbuild_watch.model import ConsoleInput, InputEnded, Typed

_CHUNK = 4096


async def forward_stdin(inputs: trio.MemorySendChannel[ConsoleInput]) -> None:
    """Send what comes in on stdin to the board, until it ends; `inputs` stays open."""
    fd = _stdin()
    if fd is None:
        return
    try:
        while data := await trio.to_thread.run_sync(os.read, fd, _CHUNK, abandon_on_cancel=True):
            await inputs.send(Typed(data))
        await inputs.send(InputEnded())
    except (OSError, trio.BrokenResourceError):
        return  # stdin broke, or nobody takes what is typed: both are the end of it


def _stdin() -> int | None:
    """The descriptor of stdin; None: it was closed from the start, or it is a terminal.

    Descriptor 0 itself proves nothing: when it was closed, the next file that was opened has it.
    """
    try:
        fd = sys.stdin.fileno() if sys.stdin is not None else None
    except (OSError, ValueError):
        return None
    return None if fd is None or os.isatty(fd) else fd
