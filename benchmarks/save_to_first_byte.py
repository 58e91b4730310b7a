"""From a saved header to the first byte of the new firmware: the loop, and the same by hand.

By hand is what a person's script would do, at its best: the one compile command, the link command,
`esptool elf2image`, `esptool write-flash` of the app alone. It ends when esptool does, which has
reset the board; the monitor that would still have to be opened is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import trio

from fbuild_watch import demo, project
from fbuild_watch.example import copy_example
from fbuild_watch.model import PHASES, BuildPlan
from fbuild_watch.project import planner
from tests.real.program import Program, environment, fbuild

BAUD = "921600"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds: int = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="fbuild-bench-") as scratch:
        folder = Path(scratch) / "hello"
        copy_example(folder)
        trio.run(_measure, folder, rounds)


async def _measure(folder: Path, rounds: int) -> None:
    header = folder / "src" / "greeting.h"
    async with demo.virtual_board(folder.parent / "flash.bin") as url:
        loop = await _by_loop(folder, header, url, rounds)
        hand = [_by_hand(folder, header, url, number) for number in range(rounds)]
    print(f"one saved header, {rounds} rounds, medians in ms")
    print(f"\n{'fbuild watch':28}")
    _print_phases([phases for phases, _ in loop])
    ours = _print_row("save to first byte, on the wall", [wall for _, wall in loop])
    print(f"\n{'by hand':28}")
    for step in hand[0]:
        _print_row(step, [times[step] for times in hand])
    theirs = _print_row("save to esptool's end", [sum(times.values()) for times in hand])
    print(f"\nby hand / fbuild: {theirs / ours:.1f}")


def _edit(header: Path, text: str) -> float:
    header.write_text(f'#pragma once\n#define GREETING "{text}"\n', encoding="utf-8")
    return time.monotonic()


# --- the loop ------------------------------------------------------------------------------


async def _by_loop(
    folder: Path, header: Path, url: str, rounds: int
) -> list[tuple[Mapping[str, float], float]]:
    arguments = ("watch", str(folder), "--port", url)
    async with fbuild(*arguments, env=environment(folder.parent)) as watch:
        await _phases(watch)
        return [await _one_save(watch, header, number) for number in range(rounds)]


async def _one_save(watch: Program, header: Path, number: int) -> tuple[Mapping[str, float], float]:
    saved = _edit(header, f"loop {number}")
    await watch.see("flashed app")
    await watch.see("ESP-ROM")
    wall = time.monotonic() - saved
    return await _phases(watch), wall


async def _phases(watch: Program) -> dict[str, float]:
    """The times that the loop itself reports, in seconds."""
    report = await watch.see(r"s \(ms: (.*)\)")
    pairs = (part.rsplit(" ", 1) for part in report[1].split(", "))
    return {name.replace(" ", "_"): float(value) / 1000 for name, value in pairs}


# --- by hand -------------------------------------------------------------------------------


def _by_hand(folder: Path, header: Path, url: str, number: int) -> dict[str, float]:
    plan = planner.plan(project.load(folder))
    steps = {
        "compile": _compile_command(plan),
        "link": list(plan.link.argv),
        "elf2image": [*_esptool(), "elf2image", *_header(plan), str(plan.elf)],
        "write-flash": [
            *(*_esptool(), "-p", url, "-b", BAUD),
            *("write-flash", "0x10000", str(plan.elf.with_suffix(".bin"))),
        ],
    }
    _edit(header, f"hand {number}")
    return {name: _timed(command) for name, command in steps.items()}


def _compile_command(plan: BuildPlan) -> list[str]:
    commands = json.loads((plan.elf.parent / "compile_commands.json").read_text())
    main_cpp = str(plan.environment.src_dir / "main.cpp")
    return next(entry["arguments"] for entry in commands if entry["file"] == main_cpp)


def _header(plan: BuildPlan) -> tuple[str, ...]:
    flash = plan.flash
    return ("--flash-mode", flash.mode, "--flash-freq", flash.freq, "--flash-size", flash.size)


def _esptool() -> tuple[str, ...]:
    return (sys.executable, "-m", "benchmarks.esptool_equal", "--chip", "esp32c3")


def _timed(command: list[str]) -> float:
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    if done.returncode:
        sys.exit(f"{command} failed:\n{done.stdout}{done.stderr}")
    return time.monotonic() - started


# --- the table -----------------------------------------------------------------------------


def _print_phases(passes: list[Mapping[str, float]]) -> None:
    for phase in PHASES:
        if all(phase in phases for phases in passes):
            _print_row(re.sub("_", " ", phase), [phases[phase] for phases in passes])


def _print_row(name: str, seconds: list[float]) -> float:
    middle = statistics.median(seconds)
    print(
        f"  {name:32}{middle * 1000:8.1f}   ({min(seconds) * 1000:.1f} to {max(seconds) * 1000:.1f})"
    )
    return middle


if __name__ == "__main__":
    main()
