"""What was sent before, kept in a file for tomorrow: searchable (Ctrl-R), suggested while typing.

The file is for its owner alone (0600): people type passwords at boards. When it cannot be written,
the console works without it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

LIMIT = 1 << 20
"""Bytes of the file beyond which its older half goes: all of it is read at each start."""


class _SafeHistory(FileHistory):
    """A full disk does not disturb typing."""

    def store_string(self, string: str) -> None:
        """Append an entry, if the disk lets us."""
        with suppress(OSError):
            super().store_string(string)


def open_history(path: Path) -> History:
    """The history in `path`, which is made if need be; one in memory if that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        if path.stat().st_size > LIMIT:
            _keep_newer_half(path)
    except OSError:
        return InMemoryHistory()
    return _SafeHistory(str(path))


def _keep_newer_half(path: Path) -> None:
    """Put a shorter file in the place of `path`, from the beginning of an entry on."""
    _, begin, kept = path.read_bytes()[-LIMIT // 2 :].partition(b"\n# ")
    shorter = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(shorter, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        file.write(begin + kept)
    shorter.replace(path)
