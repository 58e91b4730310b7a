"""A build's work on files, beside the event loop: in a thread, one piece at a time.

What those pieces share (memory, tree, check) needs no lock therefore. While jobs run, nothing else
may touch it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import trio

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Aside:
    """One builder's thread for files."""

    def __init__(self) -> None:
        self._one = trio.CapacityLimiter(1)

    async def __call__(self, work: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """Do it, once nothing else is done. What has begun is not cancelled."""
        return await trio.to_thread.run_sync(work, *arguments, limiter=self._one)
