"""`python -m tests.race`: the race for the lock; with --kills N, kill -9 at N random moments."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.race.harness import Naive, Real, Report, race
from tests.race.kill import Killed, kill_often, own_runtime_folder


def main() -> int:
    """Run it, print what was seen; 0 when all was as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.race", description=__doc__)
    parser.add_argument("--workers", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--naive", action="store_true", help="a pid file in place of the lock")
    parser.add_argument("--kills", type=int, metavar="N", help="kill a working process so often")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fbuild-race-") as scratch:
        folder = Path(scratch)
        report: Report | Killed
        if chosen.kills:
            report = kill(folder, chosen.kills, chosen.seed)
        else:
            contender = Naive() if chosen.naive else Real()
            report = race(contender, folder, chosen.workers, chosen.rounds)
    print(report)
    return 0 if report.clean else 1


def kill(folder: Path, times: int, seed: int) -> Killed:
    """On a copy of the example and a virtual board."""
    from fbuild_watch.example import copy_example
    from tests.real.conftest import ServedBoard

    own_runtime_folder(folder)
    copy_example(folder / "hello")
    board = ServedBoard(folder / "flash.bin")
    try:
        return kill_often(folder / "hello", board.url, times, seed)
    finally:
        board.close()


if __name__ == "__main__":
    sys.exit(main())
