"""Commands for programs without an event loop, and a program that outlives us. No trio here."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import IO, Any

from fbuild_watch.processes.ended import Argv, Ended, not_started


def run_blocking(argv: Argv) -> Ended:
    """Run a command to its end, with nothing on its standard input. Raises CommandNotStarted."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise not_started(argv, None, os.environ, error) from error
    return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def start_detached(argv: Argv, words: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a program that goes on without us and our terminal; what it says goes to `words`.

    Raises CommandNotStarted.
    """
    try:
        return subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            **_alone(),
        )
    except OSError as error:
        raise not_started(argv, None, os.environ, error) from error


def _alone() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True, "cwd": "/"}
