"""A process in the background: started, and waited for until it answers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fbuild_watch.control.locate import Located, locate
from fbuild_watch.errors import TimedOut

START_S = 30.0

_PAUSE_S = 0.01


def start(arguments: Sequence[str]) -> tuple[Located | None, int, str]:
    """Run `fbuild serve ARGUMENTS` on its own. It, or its exit code and its words.

    Raises TimedOut when it neither answers nor ends.
    """
    with tempfile.TemporaryFile() as words:
        child = subprocess.Popen(
            [sys.executable, "-m", "fbuild_watch", "serve", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            **_alone(),
        )
        deadline = time.monotonic() + START_S
        while (code := child.poll()) is None:
            found = locate()
            if found is not None and found.pid == child.pid:
                child.returncode = 0  # it is not ours to wait for any more
                return found, 0, ""
            if time.monotonic() > deadline:
                child.kill()
                raise TimedOut("the start in the background", START_S)
            time.sleep(_PAUSE_S)
        words.seek(0)
        return None, code, words.read().decode(errors="replace")


def _alone() -> dict[str, Any]:
    """Options for a process that outlives this terminal."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True, "cwd": "/"}


def log_file() -> Path:
    """Where a process in the background writes its log: beside its lock, if that has a folder of
    its own, else where the system has logs.
    """
    if own := os.environ.get("FBUILD_RUNTIME_DIR"):
        return Path(own).absolute() / "fbuild.log"
    import platformdirs

    return platformdirs.user_log_path("fbuild", appauthor=False) / "watch.log"
