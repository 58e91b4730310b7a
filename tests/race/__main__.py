"""`python -m tests.race`: the race for the lock, as a command."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.race.harness import Naive, Real, race


def main() -> int:
    """Run the races, print what was seen; 0 when every round had exactly one winner."""
    parser = argparse.ArgumentParser(prog="python -m tests.race", description=__doc__)
    parser.add_argument("--workers", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--naive", action="store_true", help="a pid file in place of the lock")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fbuild-race-") as folder:
        contender = Naive() if chosen.naive else Real()
        report = race(contender, Path(folder), chosen.workers, chosen.rounds)
    print(report)
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
