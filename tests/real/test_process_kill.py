"""kill -9 at random moments: nothing is left, and the next start works at once.

`python -m tests.race --kills 200` is the same for longer.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from fbuild_watch import AsyncDaemon, AsyncSerialMonitor
from tests.race.kill import kill_often
from tests.real.conftest import ServedBoard
from tests.real.program import run

KILLS = 8


def test_killed_at_any_moment_it_leaves_nothing(
    project: Path,
    env: dict[str, str],
    virtual_board: Callable[..., ServedBoard],
    capsys: pytest.CaptureFixture[str],
) -> None:
    board = virtual_board()
    report = kill_often(project, board.url, KILLS, seed=7)
    with capsys.disabled():
        print(f"\n    {report}")
    assert report.clean, str(report)
    assert report.answered
    assert report.with_children


async def test_after_a_kill_the_next_start_has_the_board_again(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board, daemon = virtual_board(), AsyncDaemon()
    for _ in range(3):
        code, out, words = await run(
            "watch", "--detach", str(project), "--port", board.url, env=env
        )
        assert code == 0, words
        async with AsyncSerialMonitor(project, backlog=1000, reconnect=False) as monitor:
            await monitor.expect("^tick", timeout=60)
        status = await daemon.status()
        assert status is not None
        assert f"pid {status.pid}" in out
        os.kill(status.pid, signal.SIGKILL)
    await daemon.ensure_running()
    assert await daemon.stop()
