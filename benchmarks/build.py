"""What a build tool adds to the compiler and the linker: ours, ninja, make -rR and SCons, side by side.

One tree of C++ units, the same commands for all, in one run. A round saves one file; each tool then
brings its own objects and ELF up to date. The floor is the compile command and the link command,
started by hand; what a tool takes above it is the tool's own. On a machine that does other things too
that difference drowns; so for ours and for ninja, who both note how long each command took, the time
without their commands is shown as well. Ours is the warm pipeline of `fbuild watch`, told by its
watcher; "cold" is `fbuild build` as a process.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import trio

from benchmarks import build_trees as trees
from fbuild_watch.build import BuildEvent, StepDone, UnitDone
from fbuild_watch.model import BuildPlan, TranslationUnit
from fbuild_watch.pipeline import Pipeline
from fbuild_watch.watcher import Changes, watch

SLOW = 2000
"""SCons takes seconds for every build of so many units: fewer rounds, and none of more units."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, nargs="+", default=[100, 2000])
    parser.add_argument("--large", action="store_true", help="10,000 units too: ten minutes more")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--memory-of", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    os.environ["FBUILD_CACHE_LIMIT"] = "0"  # nobody else has one
    if given.memory_of:
        trio.run(_print_memory, given.memory_of)
        return
    for units in [*given.units, *([10_000] if given.large else [])]:
        with tempfile.TemporaryDirectory(prefix="fbuild-bench-") as scratch:
            trio.run(_measure, Path(scratch), units, given.rounds)


async def _measure(scratch: Path, units: int, rounds: int) -> None:
    folder = scratch / "project"
    trees.make_project(folder, units)
    pipeline = Pipeline(folder, None)
    pipeline.edited(())  # from here on we tell of every change
    pipeline.roots()
    print(f"\n{units} units, {trees.HEADERS} headers; ms, medians of {rounds} rounds")
    first = await _timed(pipeline.build)
    assert isinstance(pipeline.plan, BuildPlan)
    unit = next(it for it in pipeline.plan.units
                if it.source == trees.source(folder, units // 2))  # fmt: skip
    others = _others(pipeline.plan, scratch)
    builds = {name: _run(command) for name, command in others.items()}
    print(f"  first build: ours {first / 1e3:.1f} s, "
          + ", ".join(f"{name} {took / 1e3:.1f} s" for name, took in builds.items()))  # fmt: skip
    await _no_op(pipeline, others, rounds)
    await _edits(pipeline, unit, others, rounds)
    await _event_to_start(pipeline, folder, unit, rounds)
    await _storm(pipeline, folder, units)
    _memory(folder)


def _others(plan: BuildPlan, scratch: Path) -> dict[str, list[str]]:
    """Every other tool that is installed, with its command."""
    writers: dict[str, Callable[[BuildPlan, Path], list[str]]] = {
        "ninja": trees.write_ninja, "make -rR": trees.write_make, "SCons": trees.write_scons,
    }  # fmt: skip
    found = {}
    for name, write in writers.items():
        folder = scratch / name.split()[0]
        folder.mkdir()
        command = write(plan, folder)
        if shutil.which(command[0]) and not (name == "SCons" and len(plan.units) > SLOW):
            found[name] = command
    return found


# --- what is measured ----------------------------------------------------------------------


async def _no_op(pipeline: Pipeline, others: dict[str, list[str]], rounds: int) -> None:
    _row(
        "no-op",
        "ours, told that nothing changed",
        [await _timed(pipeline.build) for _ in range(rounds)],
    )
    looks = []
    for _ in range(rounds):
        pipeline._hints.lose()
        looks.append(await _timed(pipeline.build))
    _row("no-op", "ours, not told: everything is looked at", looks)
    cold = [_run(_fbuild(pipeline.environment.project_dir)) for _ in range(rounds + 2)]
    _row("no-op", "ours, cold process, the first that finds nothing", cold[:1])
    _row("no-op", "ours, cold process, after that", cold[2:])
    bare = [_run([sys.executable, "-c", _IMPORTS]) for _ in range(rounds)]
    _row("no-op", "  of which interpreter and imports", bare)
    for name, command in others.items():
        _row("no-op", name, [_run(command) for _ in range(_rounds(name, rounds))])


async def _edits(
    pipeline: Pipeline, unit: TranslationUnit, others: dict[str, list[str]], rounds: int
) -> None:
    above: dict[str, list[float]] = {"ours": [], "ours, cold process": []} | {
        name: [] for name in others
    }
    alone: dict[str, list[float]] = {"ours": [], "ninja": []}
    floors = []
    assert isinstance(pipeline.plan, BuildPlan)
    for number in range(rounds):
        floor = _floor(unit, pipeline.plan.link.argv)
        floors.append(floor)
        trees.edit(unit.source, 2 * number + 1)
        pipeline.edited({unit.source})
        took, commands = await _build(pipeline)
        above["ours"].append(took - floor)
        alone["ours"].append(took - commands)
        for name, command in others.items():
            if number < _rounds(name, rounds):
                took = _run(command)
                above[name].append(took - floor)
                if name == "ninja":
                    alone[name].append(took - _in_ninja_log(Path(command[2])))
        trees.edit(unit.source, 2 * number + 2)
        cold = _run(_fbuild(pipeline.environment.project_dir))
        above["ours, cold process"].append(cold - floor)
        pipeline._hints.lose()
        await pipeline.build()
    print(f"  one edit: compiler and linker alone {statistics.median(floors):.1f}; above that:")
    for name, times in above.items():
        _row("", name, times)
    for name, times in alone.items():
        if times:
            _row("edit", f"{name}, without its commands", times)
    if alone["ninja"]:
        ratio = statistics.median(alone["ours"]) / statistics.median(alone["ninja"])
        print(f"  edit   ours to ninja's: {ratio:.2f}")


async def _build(pipeline: Pipeline) -> tuple[float, float]:
    """How long a build took, and its commands in it."""
    commands: list[float] = []

    def on_event(event: BuildEvent) -> None:
        if isinstance(event, UnitDone | StepDone):
            commands.append(event.seconds * 1e3)

    took = await _timed(partial(pipeline.build, on_event=on_event))
    return took, sum(commands)


def _in_ninja_log(folder: Path) -> float:
    """How long the commands of ninja's last build took: one unit, then the link."""
    lines = (folder / ".ninja_log").read_text().splitlines()[-2:]
    return sum(float(line.split()[1]) - float(line.split()[0]) for line in lines)


async def _event_to_start(
    pipeline: Pipeline, folder: Path, unit: TranslationUnit, rounds: int
) -> None:
    """From the end of a save to the batch of events, and from there to the start of the compiler."""
    seen, started = [], []
    send, batches = trio.open_memory_channel[Changes](100)
    async with trio.open_nursery() as nursery:
        await nursery.start(_watch, folder, pipeline, send)
        for number in range(rounds):
            await trio.sleep(0.05)
            trees.edit(unit.source, 1000 + number)
            saved = time.perf_counter()
            pipeline.edited(await batches.receive())
            seen.append((time.perf_counter() - saved) * 1e3)
            started.append(await _start_of_compiler(pipeline, saved) - seen[-1])
        nursery.cancel_scope.cancel()
    _row("save", "to the batch of events at rest", seen)
    _row("save", "from there to the compiler's start", started)


async def _start_of_compiler(pipeline: Pipeline, since: float) -> float:
    starts = []

    def on_event(event: BuildEvent) -> None:
        if isinstance(event, UnitDone):
            starts.append((time.perf_counter() - event.seconds - since) * 1e3)

    await pipeline.build(on_event=on_event)
    return min(starts)


async def _storm(pipeline: Pipeline, folder: Path, units: int) -> None:
    """A checkout and back: every file is written, none is another in the end."""
    files = [trees.source(folder, number) for number in range(units)]
    texts = [path.read_text() for path in files]
    send, batches = trio.open_memory_channel[Changes](1000)
    async with trio.open_nursery() as nursery:
        await nursery.start(_watch, folder, pipeline, send)
        before, count = _resident(), 0
        await trio.to_thread.run_sync(_rewrite, files, texts)
        with trio.move_on_after(0.5):
            while True:
                pipeline.edited(await batches.receive())
                count += 1
        took = await _timed(pipeline.build)
        print(f"  storm  {units} files written: {count} batches, one build, {took:.1f} ms; "
              f"memory {_resident() - before:+.1f} MB")  # fmt: skip
        nursery.cancel_scope.cancel()


def _rewrite(files: Sequence[Path], texts: Sequence[str]) -> None:
    for path, text in zip(files, texts, strict=True):
        path.write_text(text + "// the other branch\n")
    for path, text in zip(files, texts, strict=True):
        path.write_text(text)


async def _watch(
    folder: Path,
    pipeline: Pipeline,
    send: trio.MemorySendChannel[Changes],
    task_status: trio.TaskStatus[None],
) -> None:
    await watch(folder, pipeline.roots, send.send_nowait, task_status=task_status)


def _memory(folder: Path) -> None:
    """In a process of its own: this one has measured a lot."""
    command = [sys.executable, "-m", "benchmarks.build", "--memory-of", str(folder)]
    print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="")


async def _print_memory(folder: Path) -> None:
    pipeline = Pipeline(folder, None)
    pipeline.edited(())
    pipeline.roots()
    await pipeline.build()
    pipeline.edited({trees.source(folder, 1)})
    await pipeline.build()
    print(f"  memory of the warm process: {_resident():.0f} MB")


# --- how -----------------------------------------------------------------------------------

_IMPORTS = "import fbuild_watch.cli.build, fbuild_watch.pipeline, fbuild_watch.cli.progress"


def _fbuild(folder: Path) -> list[str]:
    return [sys.executable, "-m", "fbuild_watch", "build", str(folder)]


def _rounds(name: str, rounds: int) -> int:
    return min(rounds, 3) if name == "SCons" else rounds


async def _timed(build: Callable[[], object]) -> float:
    began = time.perf_counter()
    await build()  # type: ignore[misc]
    return (time.perf_counter() - began) * 1e3


def _run(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1e3


def _floor(unit: TranslationUnit, link: Sequence[str]) -> float:
    began = time.perf_counter()
    for argv in (unit.argv, link):
        child = os.posix_spawnp(argv[0], argv, os.environ)
        os.waitpid(child, 0)
    return (time.perf_counter() - began) * 1e3


def _resident() -> float:
    """Megabytes."""
    import psutil

    return psutil.Process().memory_info().rss / 1e6  # type: ignore[no-any-return]


def _row(kind: str, name: str, times: Sequence[float]) -> None:
    print(f"  {kind:6} {name:42} {statistics.median(times):9.2f}")


if __name__ == "__main__":
    main()
