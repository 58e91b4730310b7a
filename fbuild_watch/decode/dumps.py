"""Core dumps on disk, and the command that reads them. Blocks but for pure parts."""

from __future__ import annotations

import time
from pathlib import Path

from fbuild_watch.decode.crash import CoreDump
from fbuild_watch.outputs import make_folder
from fbuild_watch.system.files import write_atomically

KEPT = 8
TOOL = "esp-coredump"


def save(dump: CoreDump, folder: Path) -> Path:
    """Write a dump into `folder`, of which the KEPT newest stay. Raises OSError."""
    make_folder(folder)
    now = time.time_ns()  # two boards of one project may crash within the same second
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now // 10**9))
    path = folder / f"{stamp}-{now % 10**9 // 10**6:03}.b64"
    write_atomically(path, dump.text.encode())
    for old in sorted(folder.glob("*.b64"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def command(dump: Path, elf: Path | None, chip: str) -> tuple[str, ...]:
    """The command that shows registers and threads of a dump."""
    words = [TOOL, *(("--chip", chip) if chip else ()), "info_corefile"]
    return (*words, "--core", str(dump), "--core-format", "b64", str(elf or "ELF"))
