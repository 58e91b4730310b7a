"""Who uses the port now: the console or the flasher, never both.

The lease does not open or close anything. A second taker is a defect of the program, so it gets an
error at once instead of waiting for a turn (trio's ConflictDetector does the same).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fbuild_watch.serial.port import Port


class LeaseConflict(RuntimeError):
    """The port was taken while somebody held it."""


class PortLease:
    """The one place through which an open port is used."""

    def __init__(self, port: Port) -> None:
        """Nobody holds it yet."""
        self._port = port
        self.holder: str | None = None

    @contextmanager
    def take(self, holder: str) -> Iterator[Port]:
        """The port, for `holder`, until the block ends. Raises LeaseConflict if it is held."""
        if self.holder is not None:
            raise LeaseConflict(f"{holder} took {self._port.name}, which {self.holder} holds")
        self.holder = holder
        try:
            yield self._port
        finally:
            self.holder = None
