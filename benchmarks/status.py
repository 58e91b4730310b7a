"""What `fbuild status` costs: the answer of a running process, beside an interpreter that only
imports click. `python -m benchmarks.status`.

Byte code is written to a scratch folder first, as an installed package has it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROUNDS = 41

COMMANDS = {
    "python -c 'pass'": ("-c", "pass"),
    "python -c 'import click'": ("-c", "import click"),
    "fbuild status": ("-c", "from fbuild_watch.cli import main; main()", "status"),
}


def main() -> None:
    """Measure in turns, so that the machine's moods meet all alike; print medians and the ratio."""
    with tempfile.TemporaryDirectory(prefix="fbuild-status-") as scratch:
        env = environment(Path(scratch))
        process = serve(env)
        try:
            times = measure(env)
        finally:
            process.terminate()
            process.wait()
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    for name, median in medians.items():
        print(f"{name:28} {median * 1000:7.1f} ms")
    ratio = medians["fbuild status"] / medians["python -c 'import click'"]
    print(f"{'status / import click':28} {ratio:7.2f}")


def environment(scratch: Path) -> dict[str, str]:
    """A user of its own, whose interpreter keeps byte code."""
    (scratch / "run").mkdir(mode=0o700)
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    own = {"FBUILD_RUNTIME_DIR": scratch / "run", "PYTHONPYCACHEPREFIX": scratch / "cache"}
    return {**kept, **{name: str(path) for name, path in own.items()}}


def serve(env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A process without projects that answers."""
    process = subprocess.Popen([sys.executable, "-m", "fbuild_watch", "serve"], env=env)
    while run(COMMANDS["fbuild status"], env) != 0:
        time.sleep(0.05)
    return process


def measure(env: Mapping[str, str]) -> dict[str, list[float]]:
    """Seconds of each command, round by round."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, arguments in COMMANDS.items():
            started = time.perf_counter()
            assert run(arguments, env) == 0
            times[name].append(time.perf_counter() - started)
    return times


def run(arguments: tuple[str, ...], env: Mapping[str, str]) -> int:
    """Its exit code."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=env, capture_output=True, check=False).returncode


if __name__ == "__main__":
    main()
