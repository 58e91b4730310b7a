"""What a compiler can do, asked once of each."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

_TRY_S = 5.0


def knows(tool: str, option: str) -> bool:
    """Whether a compiler knows an option that maps prefixes (`OPTION=OLD=NEW`)."""
    try:
        info = Path(tool).stat()
    except OSError:
        return False
    return _knows(tool, option, info.st_mtime_ns, info.st_size)


@cache
def _knows(tool: str, option: str, _mtime_ns: int, _size: int) -> bool:
    words = (tool, f"{option}=/a=.", "-x", "c", "-E", os.devnull)
    try:
        ran = subprocess.run(words, capture_output=True, timeout=_TRY_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return ran.returncode == 0
