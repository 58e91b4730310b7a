"""Keys as the bytes that a terminal would send. Windows: prompt_toolkit makes them of key events.

Nothing here is Windows' own: prompt_toolkit reads a pipe in the same way, so that this is tested
elsewhere too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyPress


@contextmanager
def listening(keyboard: Input, typed: Callable[[bytes], None]) -> Iterator[None]:
    """Call `typed` with what is typed, for the length of the block; nothing: the terminal is gone."""

    def read() -> None:
        keys = [*keyboard.read_keys(), *keyboard.flush_keys()]
        if keys:
            typed(as_bytes(keys))
        elif keyboard.closed:
            typed(b"")

    with keyboard.attach(read):
        yield


def as_bytes(keys: list[KeyPress]) -> bytes:
    """What a terminal sends for these keys."""
    return "".join(key.data for key in keys).encode("utf-8", "surrogateescape")
