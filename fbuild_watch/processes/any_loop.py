"""Commands under trio and asyncio alike, for the asynchronous API. No trio here."""

from __future__ import annotations

import os
import subprocess
import time

import anyio

from fbuild_watch.processes.ended import Argv, Ended, not_started


async def run_in_any_loop(argv: Argv) -> Ended:
    """Run a command to its end, with nothing on its standard input. Raises CommandNotStarted.

    Cancelling ends it.
    """
    began = time.monotonic()
    try:
        done = await anyio.run_process(
            [str(word) for word in argv], stdin=subprocess.DEVNULL, check=False
        )
    except OSError as error:
        refused = await anyio.to_thread.run_sync(not_started, argv, None, os.environ, error)
        raise refused from error
    return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - began)
