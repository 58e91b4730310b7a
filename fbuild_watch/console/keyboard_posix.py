"""Keys as the bytes that the terminal sends. POSIX: they are read from it as they are."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prompt_toolkit.input import Input

_CHUNK = 4096


@contextmanager
def listening(keyboard: Input, typed: Callable[[bytes], None]) -> Iterator[None]:
    """Call `typed` with what is typed, for the length of the block; nothing: the terminal is gone."""
    fd = keyboard.fileno()

    def read() -> None:
        try:
            data = os.read(fd, _CHUNK)
        except OSError:
            data = b""  # EIO: the other end of the terminal was closed
        if not data:
            loop.remove_reader(fd)
        typed(data)

    loop = asyncio.get_running_loop()
    loop.add_reader(fd, read)
    try:
        yield
    finally:
        loop.remove_reader(fd)
