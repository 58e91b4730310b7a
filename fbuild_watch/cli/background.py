"""A process in the background: started, and waited for until it answers."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from fbuild_watch.control.locate import Located, locate
from fbuild_watch.errors import TimedOut
from fbuild_watch.processes.blocking import start_detached

START_S = 30.0

_PAUSE_S = 0.01


def start(arguments: Sequence[str]) -> tuple[Located | None, int, str]:
    """Run `fbuild serve ARGUMENTS` on its own. It, or its exit code and its words.

    Raises TimedOut when it neither answers nor ends.
    """
    with tempfile.TemporaryFile() as words:
        command = (sys.executable, "-m", "fbuild_watch", "serve", *arguments)
        child = start_detached(command, words)
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


def log_file() -> Path:
    """Where a process in the background writes its log: beside its lock, if that has a folder of
    its own, else where the system has logs.
    """
    if own := os.environ.get("FBUILD_RUNTIME_DIR"):
        return Path(own).absolute() / "fbuild.log"
    import platformdirs

    return platformdirs.user_log_path("fbuild", appauthor=False) / "watch.log"
