"""Writing to stdout and stderr without stopping the program when their reader does (`| less`).

A pipe is waited for in trio until it takes PIPE_BUF bytes, which `write` then does not block on
(POSIX, pipe(7)). It is not set to non-blocking: that would be so for everybody who shares it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TextIO

import trio

Write = Callable[[str], Awaitable[None]]
"""Takes text; returns when the stream has it. Raises BrokenPipeError when its reader is gone."""

_CHUNK = 512
"""Bytes: the least that POSIX allows PIPE_BUF to be."""


def writer(stream: TextIO) -> Write:
    """An async `write` for a stream of the process; what was printed to it before comes first."""
    stream.flush()
    return partial(_write, stream.fileno(), stream.encoding)


async def _write(fd: int, encoding: str, text: str) -> None:
    data = text.encode(encoding, "replace")
    while data:
        data = data[await _write_some(fd, data[:_CHUNK]) :]


async def _write_some(fd: int, data: bytes) -> int:
    if sys.platform == "win32":
        return await trio.to_thread.run_sync(os.write, fd, data, abandon_on_cancel=True)
    try:
        await trio.lowlevel.wait_writable(fd)
    except PermissionError:  # a regular file: epoll refuses it, and it is always ready
        await trio.lowlevel.checkpoint()
    return os.write(fd, data)
