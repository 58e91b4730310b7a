"""What starts a process in the background: and what ends one: the same for both faces."""

from __future__ import annotations

import os
import signal
import sys

from fbuild_watch.api.asks import AnyPath, absolute
from fbuild_watch.control import guests
from fbuild_watch.control.locate import locate
from fbuild_watch.control.runtime import runtime_dir
from fbuild_watch.errors import LockHeld, NotRunning, VersionSkew
from fbuild_watch.processes.ended import Ended

LOCK_HELD = 60
"""Somebody else was quicker: there is a process, which is what was wanted."""


def command(project: AnyPath | None) -> list[str]:
    """Starts it, and ends when it answers."""
    arguments = [str(absolute(project))] if project is not None else []
    return [sys.executable, "-m", "fbuild_watch", "serve", "--detach", *arguments]


def check(ended: Ended) -> None:
    """Raise NotRunning unless the command has done what it should; LockHeld by what keeps it out."""
    if ended.code == LOCK_HELD:
        for guest in guests.living(runtime_dir()):
            if guest.stays:
                raise LockHeld(guest.pid, guest.port or None, guest.command)
    elif ended.code != 0:
        lines = ended.words.strip().splitlines()
        raise NotRunning(lines[0] if lines else f"starting one ended with exit code {ended.code}")


def terminate(skew: VersionSkew) -> int:
    """End the process by a signal: for one that does not understand `shutdown`. Its pid."""
    found = locate()
    if found is None:
        return 0
    if not skew.stepping_down:
        os.kill(found.pid, signal.SIGTERM)
    return found.pid


def is_older(theirs: str, ours: str) -> bool:
    """Whether a process of another version should step down for ours."""
    return _numbers(theirs) < _numbers(ours)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
