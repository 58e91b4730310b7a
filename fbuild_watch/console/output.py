"""Writing to stdout and stderr without stopping the program when their reader does (`| less`).

A pipe is waited for in trio until it takes PIPE_BUF bytes, which `write` then does not block on
(POSIX, pipe(7)). It is not set to non-blocking: that would be so for everybody who shares it.
A terminal promises less: Linux calls it writable from 256 bytes on (WAKEUP_CHARS in linux/tty.h).
"""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TextIO

import trio

Write = Callable[[str], Awaitable[None]]
"""Takes text; returns when the stream has it. Raises BrokenPipeError when its reader is gone."""

_TERMINAL_CHUNK = 256
_FILE_CHUNK = 65536
"""Bytes: a file is always ready."""


def writer(stream: TextIO) -> Write:
    """An async `write` for a stream of the process; what was printed to it before comes first."""
    stream.flush()
    return partial(_write, stream.fileno(), stream.encoding, _chunk(stream.fileno()))


def _chunk(fd: int) -> int:
    """Bytes that a write does not block on when the descriptor is ready."""
    if sys.platform == "win32" or stat.S_ISREG(os.fstat(fd).st_mode):
        return _FILE_CHUNK
    return _TERMINAL_CHUNK if os.isatty(fd) else select.PIPE_BUF


async def _write(fd: int, encoding: str, chunk: int, text: str) -> None:
    data = memoryview(text.encode(encoding, "replace"))
    while data:
        data = data[await _write_some(fd, data[:chunk]) :]


async def _write_some(fd: int, data: memoryview) -> int:
    if sys.platform == "win32":
        return await trio.to_thread.run_sync(os.write, fd, data, abandon_on_cancel=True)
    try:
        await trio.lowlevel.wait_writable(fd)
    except PermissionError:  # a regular file: epoll refuses it, and it is always ready
        await trio.lowlevel.checkpoint()
    return os.write(fd, data)
