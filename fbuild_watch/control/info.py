"""What is known of the process that holds the lock: `fbuild.json`, beside the lock.

It is never the lock, and may be left over from a process that was killed: it is believed only when
the pid it names was started when it says. Written aside and renamed, so no reader sees half of it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from fbuild_watch.control.runtime import PREFIX
from fbuild_watch.errors import RuntimeFolderUnsafe

NAME = f"{PREFIX}json"

_TRIES, _PAUSE_S = 10, 0.005


@dataclass(frozen=True, slots=True)
class Info:
    """The holder of the lock, in its own words."""

    pid: int
    process_started: float
    """When the system started this pid, in a unit of the system's own: only ever compared."""
    version: str
    started_at: float
    """When the lock was taken: seconds since the epoch."""
    projects: tuple[str, ...] = ()
    endpoint: str | None = None
    """Where it answers (`unix:PATH`, `tcp:HOST:PORT`); None: not yet."""
    command: str = "fbuild watch"
    """What it is, in words."""
    port: str = ""
    """Of a guest (`guests.py`): the port that it has; empty: none yet."""
    stays: bool = True
    """Whether it runs until somebody ends it."""


def write(folder: Path, info: Info, name: str = NAME) -> None:
    """Replace what is said. Raises RuntimeFolderUnsafe: the disk is full, the folder is gone."""
    aside = folder / f"{NAME}.{os.getpid()}"
    try:
        aside.write_text(json.dumps(asdict(info)), encoding="utf-8")
        _despite_readers(partial(aside.replace, folder / name))
    except OSError as error:
        reason = f"{name} cannot be written ({error.strerror})"
        raise RuntimeFolderUnsafe(str(folder), reason) from error


def read(folder: Path, name: str = NAME) -> Info | None:
    """What the living holder says; None: nothing yet, or what a dead one has left."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        found = _decode(json.loads((folder / name).read_text(encoding="utf-8")))
        if found.process_started == process_started(found.pid):
            return found
    return None


def _decode(said: dict[str, Any]) -> Info:
    known = {field.name for field in fields(Info)}  # a newer version may say more
    found = Info(**{name: value for name, value in said.items() if name in known})
    return replace(found, projects=tuple(found.projects))


def clear(folder: Path) -> None:
    """Remove it, and what a process that was killed while it wrote has left. For the holder only."""
    for path in folder.glob(f"{NAME}*"):
        remove(path)


def remove(path: Path) -> None:
    """Remove what is said in a file, if it is there."""
    _despite_readers(partial(path.unlink, missing_ok=True))


def _despite_readers(act: Callable[[], object]) -> None:
    """Windows replaces and removes no file while somebody reads it; reading takes a moment."""
    for _ in range(_TRIES):
        try:
            act()
        except PermissionError:
            time.sleep(_PAUSE_S)
        else:
            return
    act()


def process_started(pid: int) -> float:
    """When the process started; -1 where there is none.

    Linux counts it in ticks since boot, which no change of the clock touches (proc(5), `starttime`).
    """
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            return -1.0
        return float(stat.rpartition(b")")[2].split()[19])
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return -1.0
