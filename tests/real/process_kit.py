"""A process in the background for tests, and what its end leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import trio

from tests.real.program import run


@asynccontextmanager
async def background(*arguments: str, env: Mapping[str, str]) -> AsyncIterator[int]:
    """`fbuild watch --detach`, ended in the end; its pid."""
    code, out, words = await run("watch", "--detach", *arguments, env=env)
    assert code == 0, words
    pid = int(out.split("pid ")[1].split(";")[0])
    try:
        yield pid
    finally:
        with trio.CancelScope(shield=True):
            await run("stop", env=env)
            assert not is_running(pid)


def is_running(pid: int) -> bool:
    """Whether it does anything still; in a container nobody may bury the dead."""
    try:
        process = psutil.Process(pid)
        psutil.wait_procs([process], 5)
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def left_in(folder: Path) -> list[str]:
    """The files that it has left in its runtime folder."""
    return sorted(path.name for path in folder.iterdir())


async def ended(pid: int) -> None:
    """Wait until it does nothing any more."""
    with trio.fail_after(30):
        while await trio.to_thread.run_sync(is_running, pid):
            pass
