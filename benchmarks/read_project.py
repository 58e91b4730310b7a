"""How long it takes to read a platformio.ini: it is read for every build.

Beside PlatformIO's own reader, on the files that the differential test uses. Ours gives typed values,
likely slips and what is not supported as well; PlatformIO's gives the options that are set.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from platformio.project.config import ProjectConfig

from fbuild_watch import project

CORPUS = Path(__file__).parents[1] / "tests" / "real" / "platformio_corpus"
PROJECTS = {
    "blink_uno": "uno",
    "weather_station": "esp32dev",
    "lights": "esp32dev",
    "printer_firmware": "mega2560",
}
ROUNDS = 300


def median_ms(read: Callable[[], object]) -> float:
    """The median of ROUNDS reads, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        read()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def theirs(folder: Path, environment: str) -> object:
    """PlatformIO's reader on one environment."""
    return ProjectConfig(str(folder / project.FILE_NAME)).items(env=environment)


def main() -> None:
    """Print a line for each project."""
    print(f"{'project':18} {'lines':>5} {'fbuild ms':>10} {'PlatformIO ms':>14}")
    for name, environment in PROJECTS.items():
        folder = CORPUS / name
        lines = sum(len(path.read_text().splitlines()) for path in folder.rglob("*.ini"))
        with contextlib.chdir(folder):
            ours = median_ms(lambda: project.load(folder, environment))  # noqa: B023
            other = median_ms(lambda: theirs(folder, environment))  # noqa: B023
        print(f"{name:18} {lines:5} {ours:10.2f} {other:14.2f}")


if __name__ == "__main__":
    main()
