"""Who holds a device: the process that has it open.

Linux tells it in /proc; on other systems nobody is found. Processes of other users are seen only
by root. It is a look, not a lock: the lock is the port's own (`port_posix`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Holder(NamedTuple):
    """A process that has the device open."""

    pid: int
    command: str


def find_holder(device: str) -> Holder | None:
    """A process that has `device` open. A few milliseconds."""
    return next(_holders(device), None)


def find_rival(device: str) -> Holder | None:
    """A process, other than this one, that reads what comes from `device`.

    The far end of a pty is no rival: a simulator that offers one often keeps both ends open.
    """
    others = (holder for holder in _holders(device) if holder.pid != os.getpid())
    return next((holder for holder in others if not _has_pty_master(holder.pid)), None)


def _holders(device: str) -> Iterator[Holder]:
    target = os.path.realpath(device)
    for pid in _pids():
        if target in _open_files(pid):
            yield Holder(pid, _command(pid))


def _pids() -> Iterator[int]:
    if _PROC.is_dir():
        yield from (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal())


def _has_pty_master(pid: int) -> bool:
    return not {"/dev/ptmx", "/dev/pts/ptmx"}.isdisjoint(_open_files(pid))


def _open_files(pid: int) -> Iterator[str]:
    folder = _PROC / str(pid) / "fd"
    try:
        names = os.listdir(folder)  # noqa: PTH208 - hundreds of processes, names are enough
    except OSError:
        return
    for name in names:
        try:
            yield os.readlink(folder / name)  # noqa: PTH115 - as text: it may be no path
        except OSError:
            continue


def _command(pid: int) -> str:
    """Its command line, as typed; its short name when that cannot be read."""
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
        line = b" ".join(word for word in words if word).decode("utf-8", "replace")
        return line or (_PROC / str(pid) / "comm").read_text().strip()
    except OSError:
        return "gone by now"
