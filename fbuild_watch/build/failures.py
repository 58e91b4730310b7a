"""What goes wrong in a build, in words for the user. Pure."""

from __future__ import annotations

from pathlib import Path

from fbuild_watch.build.graph import Job
from fbuild_watch.build.runner import Outcome
from fbuild_watch.errors import (
    BuildError,
    CommandNotStarted,
    CompilerMissing,
    LinkFailed,
    ProgramMissing,
    StepFailed,
)
from fbuild_watch.model import BuildPlan


def short(plan: BuildPlan, path: Path) -> str:
    """A path as the user would name it."""
    root = plan.environment.project_dir
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def unstarted(plan: BuildPlan, job: Job, error: OSError | CommandNotStarted) -> BuildError:
    """A command could not be started."""
    missing = error.program if isinstance(error, CommandNotStarted) and error.missing else None
    if missing != job.argv[0]:
        return refused(short(plan, Path(job.name)), error)
    if all(unit.argv[0] != missing for unit in plan.units):
        hint = f"install {Path(missing).name}: the core's own recipe starts it"
        return ProgramMissing(missing, f"the step {job.name}", hint=hint)
    hint = "it was there when the build was planned: is its package still installed?"
    return CompilerMissing(plan.environment.board, [missing], hint=hint)


def refused(what: str, error: OSError | CommandNotStarted) -> BuildError:
    """The system would not do something."""
    if isinstance(error, CommandNotStarted):
        return BuildError(f"{what}: {error}", hint=error.hint)
    hint = "look at the disk's free space and at the folder's permissions"
    return BuildError(f"{what}: the system refused ({error})", hint=hint)


def step_failed(plan: BuildPlan, job: Job, outcome: Outcome) -> BuildError:
    """A step said no."""
    if job.output == str(plan.elf):
        return LinkFailed(short(plan, plan.elf), outcome.output)
    return StepFailed(job.name, outcome.output)
