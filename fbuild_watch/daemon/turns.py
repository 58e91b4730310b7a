"""Turns at things that have names: a port, a project. One at a time for each name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

import trio

Name = TypeVar("Name")


class Turns(Generic[Name]):
    """Kept for a name while somebody has it or waits for it, and no longer: names are anybody's."""

    def __init__(self) -> None:
        self._locks: dict[Name, trio.Lock] = {}

    def __len__(self) -> int:
        """The names that are taken."""
        return len(self._locks)

    @asynccontextmanager
    async def at(self, name: Name) -> AsyncIterator[None]:
        """Have this name's turn for the length of the block."""
        turn = self._locks.setdefault(name, trio.Lock())
        try:
            async with turn:
                yield
        finally:
            if not turn.locked():  # or it is the next one's: trio hands a lock over
                del self._locks[name]
