"""One winner, whoever starts when; and a harness that would see it if there were two."""

from __future__ import annotations

import subprocess
import sys

import pytest


def race(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.race", "--workers", "50", "--rounds", "20", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_fifty_starters_twenty_times_one_winner_each(capsys: pytest.CaptureFixture[str]) -> None:
    done = race()
    with capsys.disabled():
        print(f"\n    {done.stdout.strip()}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_harness_sees_the_race_of_a_pid_file() -> None:
    done = race("--naive")
    assert done.returncode == 1, done.stdout + done.stderr
    assert " 0 without exactly one winner" not in done.stdout
