"""A BuildPlan's units and steps as the graph's jobs. Pure."""

from __future__ import annotations

import os
from pathlib import Path

from fbuild_watch.build.graph import Job, mentions
from fbuild_watch.model import Step, TranslationUnit


def of_unit(unit: TranslationUnit, tool: str | None) -> Job:
    """A translation unit; `tool` is the compiler's file, an input like the source."""
    return Job(
        name=str(unit.source),
        argv=unit.argv,
        output=str(unit.object),
        inputs=_present(str(unit.source), tool),
        depfile=str(unit.depfile),
    )


def of_step(step: Step, folder: Path, build_dir: Path, tool: str | None) -> Job:
    """A step; the names in its command are read as the step would, from `folder`.

    What a command names in the build folder is either declared, or written by it (a map file).
    """
    inputs = _present(*(str(path) for path in step.inputs), tool)
    named = (os.path.join(folder, name) for name in mentions(step.argv))  # noqa: PTH118
    return Job(
        name=step.name,
        argv=step.argv,
        output=str(step.output) if step.output else None,
        inputs=inputs,
        mentions=tuple(name for name in named if not name.startswith(f"{build_dir}{os.sep}")),
        depfile=str(step.depfile) if step.depfile else None,
    )


def _present(*names: str | None) -> tuple[str, ...]:
    return tuple(name for name in names if name)
