"""trio's clock, in which arrival times are kept, and the world's."""

from __future__ import annotations

import time

import trio


def to_epoch(at: float) -> float:
    """Seconds since the epoch for a time of trio's clock."""
    return at - trio.current_time() + time.time()


def from_epoch(seconds: float) -> float:
    """The time of trio's clock that was, or will be, so many seconds after the epoch."""
    return seconds - time.time() + trio.current_time()
