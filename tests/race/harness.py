"""The race: starters that a barrier releases together, round after round; who won, who was told what.

The workers are forked once, so that a round costs no interpreter start and the starters meet within
microseconds. A lock is of an open file, so processes that race for it race for real.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fbuild_watch.control import info, lock
from fbuild_watch.errors import LockHeld

_fork = multiprocessing.get_context("fork")

HEAD_START_S = 0.002

STARTING_S = 0.0005
"""What a starter with a pid file does between its look and its claim, however little that is."""


@dataclass(frozen=True, slots=True)
class Lost:
    """What a loser was told, and how long that took."""

    winner: int | None
    seconds: float


class Contender(Protocol):
    """A way to be the only one."""

    def hold(self, folder: Path) -> AbstractContextManager[None]:
        """Be the one in `folder` for the block. Raises LockHeld."""


class Real:
    """The kernel's lock, as `fbuild watch` takes it."""

    @contextmanager
    def hold(self, folder: Path) -> Iterator[None]:
        os.environ["FBUILD_RUNTIME_DIR"] = str(folder)
        with lock.hold(folder / "project"):
            yield


class Naive:
    """A pid file: read it, see that nobody lives there, write our own. The race is in between."""

    @contextmanager
    def hold(self, folder: Path) -> Iterator[None]:
        file = folder / "fbuild.pid"
        if file.exists() and (pid := int(file.read_text() or 0)) and info.process_started(pid) > 0:
            raise LockHeld(pid, None)
        time.sleep(STARTING_S)
        file.write_text(str(os.getpid()))
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


@dataclass
class Report:
    """All rounds."""

    workers: int
    winners: list[list[int]] = field(default_factory=list)
    """The winners' pids of each round."""
    lies: int = 0
    """Losers that were told of somebody who had not won, or of nobody."""
    leftovers: list[str] = field(default_factory=list)
    slowest: float = 0.0
    """Seconds until the last loser knew."""
    typical: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether each round had one winner, the losers the truth, and nothing was left behind."""
        one_each = all(len(winners) == 1 for winners in self.winners)
        return one_each and not self.lies and not self.leftovers

    def __str__(self) -> str:
        wrong = sum(len(winners) != 1 for winners in self.winners)
        most = max(len(winners) for winners in self.winners)
        return (
            f"{self.workers} workers, {len(self.winners)} rounds: {wrong} without exactly one "
            f"winner (at most {most}), {self.lies} losers told wrong, leftovers: "
            f"{', '.join(self.leftovers) or 'none'}; a loser knew after "
            f"{self.typical * 1000:.1f} ms (median), {self.slowest * 1000:.1f} ms (last)"
        )


class Gate:
    """Lets all through at the same instant: a barrier wakes its waiters one by one, so those that
    it has woken wait, awake, for a moment that it has set.
    """

    def __init__(self, workers: int) -> None:
        self._start = _fork.Value("d", 0.0, lock=False)
        self._barrier = _fork.Barrier(workers, action=self._set_start)

    def _set_start(self) -> None:
        self._start.value = time.monotonic() + HEAD_START_S

    def wait_for_all(self) -> None:
        """Until every worker has come here."""
        self._barrier.wait()

    def wait_for_start(self) -> None:
        """Until every worker has come here, and the moment has come."""
        self._barrier.wait()
        while time.monotonic() < self._start.value:
            pass


Result = tuple[int, int, Lost | None]
"""Round, pid, and None for a winner."""


def race(contender: Contender, folder: Path, workers: int, rounds: int) -> Report:
    """Let `workers` processes race `rounds` times in `folder`."""
    folder.chmod(0o700)
    gate = Gate(workers)
    results = _fork.SimpleQueue()
    arguments = (contender, folder, rounds, gate, results)
    processes = [_fork.Process(target=_work, args=arguments) for _ in range(workers)]
    for process in processes:
        process.start()
    seen = [results.get() for _ in range(workers * rounds)]
    for process in processes:
        process.join()
    return _judge(seen, workers, rounds, folder)


def _work(
    contender: Contender,
    folder: Path,
    rounds: int,
    gate: Gate,
    results: multiprocessing.SimpleQueue[Result],
) -> None:
    for number in range(rounds):
        gate.wait_for_start()
        started = time.monotonic()
        try:
            with contender.hold(folder):
                results.put((number, os.getpid(), None))
                gate.wait_for_all()  # the winner stays until every loser has tried
        except LockHeld as held:
            lost = Lost(held.pid, time.monotonic() - started)
            results.put((number, os.getpid(), lost))
            gate.wait_for_all()
        gate.wait_for_all()


def _judge(seen: list[Result], workers: int, rounds: int, folder: Path) -> Report:
    report = Report(workers)
    waits = sorted(lost.seconds for _, _, lost in seen if lost)
    for number in range(rounds):
        winners = [pid for round_, pid, lost in seen if round_ == number and lost is None]
        told = [lost.winner for round_, _, lost in seen if round_ == number and lost]
        report.winners.append(winners)
        report.lies += sum(pid not in winners for pid in told)
    report.leftovers = sorted(path.name for path in folder.iterdir() if path.name != lock.NAME)
    report.slowest = waits[-1] if waits else 0.0
    report.typical = waits[len(waits) // 2] if waits else 0.0
    return report
