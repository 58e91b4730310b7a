"""kill -9 at random moments of a process that builds, flashes and serves; and what is left then."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from fbuild_watch.control import lock
from fbuild_watch.control.locate import locate
from fbuild_watch.outputs import remove_outputs

STARTS = 6
"""A first build and flash of the example takes so many times as long as a start: the moments spread
over all of it, on a machine of any load.
"""
PATIENCE_S = 60.0

DEATH_S = 5.0


@dataclass
class Killed:
    """All kills."""

    times: int = 0
    answered: int = 0
    """How many answered before they were killed."""
    with_children: int = 0
    """How many had compilers running when they were killed."""
    orphans: list[str] = field(default_factory=list)
    held: int = 0
    """How often the lock was not free afterwards."""
    slowest_start: float = 0.0
    """Seconds from the start to the first answer, at most."""

    @property
    def clean(self) -> bool:
        """Whether nothing was left."""
        return not self.orphans and not self.held

    def __str__(self) -> str:
        return (
            f"{self.times} kills: {self.answered} had answered, {self.with_children} had children, "
            f"orphans: {', '.join(self.orphans) or 'none'}, lock held afterwards: {self.held}, "
            f"slowest start {self.slowest_start:.2f} s"
        )


def kill_often(project: Path, port: str, times: int, seed: int) -> Killed:
    """Start a process on `project`, kill it at a random moment, look around; so many times.

    FBUILD_RUNTIME_DIR has to name a folder of the caller's.
    """
    report, start = Killed(), _time_to_start(project, port)
    for number, moment in enumerate(_moments(times, random.Random(seed))):
        if number % 4 == 0:
            remove_outputs(project / ".fbuild")
            _kill_once(project, port, moment * start, report, at_work=True)
        else:
            _kill_once(project, port, moment * STARTS * start, report)
    return report


def _moments(times: int, rng: random.Random) -> list[float]:
    """Random ones of 0 to 1, one in each of as many equal parts, in any order."""
    moments = [(part + rng.random()) / times for part in range(times)]
    rng.shuffle(moments)
    return moments


def _time_to_start(project: Path, port: str) -> float:
    started = time.monotonic()
    with _started(project, port) as process:
        while (found := locate()) is None or found.pid != process.pid:
            if time.monotonic() - started > PATIENCE_S:
                raise TimeoutError("it does not answer")
            time.sleep(0.005)
        process.kill()
    return time.monotonic() - started


def _started(project: Path, port: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "fbuild_watch", "serve", str(project), "--port", port]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)


def _kill_once(
    project: Path, port: str, life: float, report: Killed, *, at_work: bool = False
) -> None:
    """`at_work`: its life begins with its first compiler."""
    started = time.monotonic()
    with _started(project, port) as process:
        running = psutil.Process(process.pid)
        while at_work and not running.children() and time.monotonic() - started < PATIENCE_S:
            time.sleep(0.005)
        life += time.monotonic() - started
        answered = _live(process.pid, started, life)
        children = running.children(recursive=True)
        process.kill()
    report.times += 1
    report.with_children += bool(children)
    if answered is not None:
        report.answered += 1
        report.slowest_start = max(report.slowest_start, answered)
    _, alive = psutil.wait_procs(children, DEATH_S)
    report.orphans += [" ".join(child.cmdline()) for child in alive if _is_running(child)]
    report.held += lock.holder() is not None


def _live(pid: int, started: float, life: float) -> float | None:
    """Let it live; when it first answered."""
    answered = None
    while (now := time.monotonic() - started) < life:
        if answered is None and (found := locate()) is not None and found.pid == pid:
            answered = now
        time.sleep(0.005)
    return answered


def _is_running(process: psutil.Process) -> bool:
    """In a container nobody may bury the dead."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def own_runtime_folder(folder: Path) -> None:
    """Share nothing with the user who runs this."""
    os.environ["FBUILD_RUNTIME_DIR"] = str(folder / "run")
