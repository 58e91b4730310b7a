"""The size report of a plan's newest ELF, with the linker's map that it needs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import trio

from fbuild_watch.build import size
from fbuild_watch.build.response import shortened
from fbuild_watch.build.runner import Runner
from fbuild_watch.build.size import SizeReport
from fbuild_watch.model import BuildPlan


async def report(plan: BuildPlan, runner: Runner) -> SizeReport:
    """What the ELF takes, by section and by file, against the last such report.

    Writes firmware.map; where the recipe does not, by linking once more, aside.
    Raises OSError, and ValueError where the ELF cannot be read.
    """
    path = size.named_map(plan) or await _link_for_a_map(plan, runner)
    return await trio.to_thread.run_sync(_report_by, plan, path)


def _report_by(plan: BuildPlan, path: Path) -> SizeReport:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        text = ""  # a linker that makes none (zig's)
    return size.compared(plan, size.measure(plan, text))


async def _link_for_a_map(plan: BuildPlan, runner: Runner) -> Path:
    build_dir, elf = plan.environment.build_dir, str(plan.elf)
    path, aside, named = (build_dir / name for name in ("firmware.map", ".map.elf", ".map.words"))
    words = (str(aside) if word == elf else word for word in plan.link.argv)
    remove = partial(trio.to_thread.run_sync, partial(Path.unlink, missing_ok=True))
    try:
        await remove(path)
        command, files = (*words, f"-Wl,-Map={path}"), [str(file) for file in plan.link.inputs]
        await runner.run(await trio.to_thread.run_sync(shortened, command, files, named))
    finally:
        with trio.CancelScope(shield=True):
            await remove(aside)
    return path
