"""What stands between a person and the boards of this machine: rights, and programs that take ports.

Looks only, and only on Linux, where all this happens. Each remark says what is wrong and what to do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from fbuild_watch.serial.translate import group_of

_PROC = Path("/proc")

MEDDLERS = {
    "ModemManager": (
        "it sends AT commands to each new serial port, for some seconds",
        'keep it from boards with a udev rule (ENV{ID_MM_DEVICE_IGNORE}="1"), '
        "or stop it: sudo systemctl disable --now ModemManager",
    ),
    "brltty": (
        "it takes ports with a CH340, CP210x or FTDI chip for Braille displays, and they vanish",
        "remove it, unless somebody reads by it: sudo apt remove brltty",
    ),
}
"""Programs that are known for it, by their short names: what they do, what to do."""


def examine(devices: Sequence[str], *, proc: Path = _PROC) -> list[str]:
    """Remarks about the machine and these devices, in words. A few milliseconds."""
    if sys.platform != "linux":
        return []
    return [*_meddlers(proc), *filter(None, map(_denied, devices))]


def _meddlers(proc: Path) -> Iterator[str]:
    for name, pid in sorted(_running(proc).items()):
        does, hint = MEDDLERS[name]
        yield f"{name} runs (pid {pid}): {does}; {hint}"


def _running(proc: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in proc.iterdir() if proc.is_dir() else ():
        if entry.name.isdecimal() and (name := _short_name(entry)) in MEDDLERS:
            found.setdefault(name, int(entry.name))
    return found


def _short_name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _denied(device: str) -> str | None:
    if not os.path.exists(device) or os.access(device, os.R_OK | os.W_OK):  # noqa: PTH110 - a device
        return None
    group = group_of(device)
    if _is_member(group):
        return f"{device}: you are in its group {group}, but not yet in this session: log in again"
    return (
        f"{device}: you may not open it; join its group: sudo usermod -aG {group} $USER, "
        "then log in again"
    )


def _is_member(group: str) -> bool:
    """Whether the user is, by the machine's own files, whatever this session knows of it."""
    import grp
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name in grp.getgrnam(group).gr_mem
    except KeyError:
        return False
