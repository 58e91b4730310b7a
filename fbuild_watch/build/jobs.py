"""A BuildPlan as the graph's jobs. Pure."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fbuild_watch.build.graph import Job, mentions
from fbuild_watch.model import BuildPlan, Step, TranslationUnit

FindTool = Callable[[str], str | None]
"""The file of a command's program; None: there is none."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """All jobs of one plan, in its order."""

    prebuild: tuple[Job, ...] = ()
    units: tuple[Job, ...] = ()
    link: tuple[Job, ...] = ()
    """The archives, then the link."""
    finish: tuple[Job, ...] = ()
    places: dict[str, int] = field(default_factory=dict)
    """Where the unit that makes an object stands in `units`."""

    @classmethod
    def of(cls, plan: BuildPlan, tool: FindTool) -> Jobs:
        """The jobs of a plan."""
        folder, build_dir = plan.environment.project_dir, plan.environment.build_dir

        def steps(*given: Step) -> tuple[Job, ...]:
            return tuple(of_step(step, folder, build_dir, tool(step.argv[0])) for step in given)

        units = tuple(of_unit(unit, tool(unit.argv[0])) for unit in plan.units)
        return cls(
            prebuild=steps(*plan.prebuild),
            units=units,
            link=steps(*plan.archives, plan.link),
            finish=steps(*plan.finish),
            places={job.output: place for place, job in enumerate(units) if job.output},
        )

    def steps(self) -> tuple[Job, ...]:
        """All that are no units."""
        return (*self.prebuild, *self.link, *self.finish)

    def outputs(self) -> Iterator[str]:
        """What all jobs together make."""
        return (job.output for job in (*self.steps(), *self.units) if job.output)


def of_unit(unit: TranslationUnit, tool: str | None) -> Job:
    """A translation unit; `tool` is the compiler's file, an input like the source."""
    source = str(unit.source)
    return Job(
        name=source,
        argv=unit.argv,
        output=str(unit.object),
        inputs=_present(source, tool),
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
