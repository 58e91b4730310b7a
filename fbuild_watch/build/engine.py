"""The builder: what a plan needs done, in order, and nothing else.

    hooks -> translation units (in parallel) -> archives -> link -> hooks, objcopy

Not here: which commands there are (project/), what is dirty (graph.py), how a command is run
(runner.py) and recorded (execute.py).

Rules
- A failed unit does not stop the others: one build shows every error. Nothing is linked then.
- Whatever was compiled is remembered, also when the build fails or is cancelled.
- One build at a time for each Builder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trio

from fbuild_watch.build import compile_commands, jobs, records
from fbuild_watch.build.events import BuildEvent, Built, OnEvent, Started, StepDone, UnitDone
from fbuild_watch.build.execute import Executor
from fbuild_watch.build.graph import Job
from fbuild_watch.build.runner import Outcome, Runner
from fbuild_watch.build.tree import Tree
from fbuild_watch.errors import (
    BuildError,
    CompileFailed,
    CompilerMissing,
    FbuildError,
    LinkFailed,
    StepFailed,
)
from fbuild_watch.files import write_if_changed
from fbuild_watch.model import BuildPlan, Step, TranslationUnit

_STORE = ".records"


def _ignore(_event: BuildEvent) -> None:
    """Nobody watches this build."""


class Builder:
    """Builds one plan, again and again; what it learnt stays in memory and in the build folder."""

    def __init__(self, plan: BuildPlan, *, jobs: int | None = None, colours: bool = False) -> None:
        self.plan = plan
        self._parallel = jobs or _cpu_count()
        self._build_dir = plan.environment.build_dir
        self._memory = records.load(self._build_dir / _STORE)
        self._tree = Tree(self._memory.stamps)
        folder = plan.environment.project_dir
        runner = Runner(folder)
        self._executor = Executor(runner, self._tree, self._memory, folder, colours=colours)
        self._runner = runner
        self._tools: dict[str, str | None] = {}
        self._described = False

    async def build(self, *, on_event: OnEvent = _ignore) -> Built:
        """Bring the ELF up to date.

        Raises CompileFailed (after every unit was tried), LinkFailed, StepFailed, CompilerMissing,
        and BuildError where the system refuses (a full disk, a folder that is not ours).
        Cancelling ends every process, and leaves no output that looks current but is not.
        """
        try:
            self._describe()
            self._generate()
            return await self._pass(on_event)
        except FbuildError:
            raise
        except OSError as error:
            raise self._unusable(str(self._build_dir), error) from error
        except BaseException:
            self._runner.clear()
            raise
        finally:
            self._save()

    def inputs(self) -> frozenset[Path]:
        """Every file that went into the newest build: sources, headers wherever they lie, scripts.

        Not the compilers, and not what the build itself has made.
        """
        made = f"{self._build_dir}{os.sep}"
        tools = set(self._tools.values())
        return frozenset(
            Path(os.path.normpath(name))
            for record in self._memory.records.values()
            for name, _ in record.inputs
            if not name.startswith(made) and name not in tools
        )

    async def _pass(self, on_event: OnEvent) -> Built:
        began = trio.current_time()
        self._tools.clear()
        self._tree.begin(self._build_dir)
        for step in self.plan.prebuild:
            await self._step(self._step_job(step), on_event)
        compiled = await self._compile(on_event)
        between = trio.current_time()
        linked = await self._link(on_event)
        for step in self.plan.finish:
            await self._step(self._step_job(step), on_event)
        phases = {"compiled": between - began} if compiled else {}
        phases |= {"linked": trio.current_time() - between} if linked else {}
        return Built(compiled, linked, self.plan.elf, phases)

    # --- translation units -----------------------------------------------------------------

    async def _compile(self, on_event: OnEvent) -> tuple[Path, ...]:
        units = [_Unit(unit.source, self._unit_job(unit)) for unit in self.plan.units]
        dirty = [unit for unit in units if self._executor.why(unit.job)]
        on_event(Started(len(dirty)))
        waiting = iter(dirty)
        async with trio.open_nursery() as nursery:
            for _ in range(min(self._parallel, len(dirty))):
                nursery.start_soon(self._work, waiting, on_event)
        self._raise_failures(dirty)
        return tuple(unit.source for unit in dirty)

    async def _work(self, waiting: Iterator[_Unit], on_event: OnEvent) -> None:
        """One of the parallel workers: take units until none is left, or one cannot be run."""
        for unit in waiting:
            try:
                outcome = unit.outcome = await self._executor.run(unit.job)
            except OSError as error:
                unit.broken = error
                return
            ok = outcome.code == 0
            words = outcome.output if ok else ""
            on_event(UnitDone(unit.source, outcome.seconds, ok, words))

    def _raise_failures(self, units: list[_Unit]) -> None:
        for unit in units:
            if unit.broken is not None:
                raise self._unstarted(unit.job, unit.broken) from unit.broken
        failed = [
            (unit.source, unit.outcome.output)
            for unit in units
            if unit.outcome is not None and unit.outcome.code != 0
        ]
        if failed:
            names = [self._short(source) for source, _ in failed]
            raise CompileFailed(names, "".join(words for _, words in failed))

    def _unit_job(self, unit: TranslationUnit) -> Job:
        return jobs.of_unit(unit, self._tool(unit.argv[0]))

    # --- steps -----------------------------------------------------------------------------

    async def _link(self, on_event: OnEvent) -> bool:
        for step in self.plan.archives:
            await self._step(self._step_job(step), on_event)
        job = self._step_job(self.plan.link)
        linked = await self._step(job, on_event)
        steps = (*self.plan.prebuild, *self.plan.archives, self.plan.link, *self.plan.finish)
        outputs = [unit.object for unit in self.plan.units] + [step.output for step in steps]
        self._executor.forget({str(output) for output in outputs}, self._build_dir)
        return linked

    def _step_job(self, step: Step) -> Job:
        folder = self.plan.environment.project_dir
        return jobs.of_step(step, folder, self._build_dir, self._tool(step.argv[0]))

    async def _step(self, job: Job, on_event: OnEvent) -> bool:
        """Run a step unless it is current; whether it ran."""
        if self._executor.why(job) is None:
            return False
        try:
            outcome = await self._executor.run(job)
        except OSError as error:
            raise self._unstarted(job, error) from error
        if outcome.code != 0:
            if job.output == str(self.plan.elf):
                raise LinkFailed(self._short(self.plan.elf), outcome.output)
            raise StepFailed(job.name, outcome.output)
        on_event(StepDone(job.name, outcome.seconds, outcome.output))
        return True

    # --- the rest --------------------------------------------------------------------------

    def _tool(self, name: str) -> str | None:
        """The file of a command's program, looked up once a build."""
        if name not in self._tools:
            self._tools[name] = shutil.which(name)
        return self._tools[name]

    def _describe(self) -> None:
        """Write compile_commands.json, once: the plan does not change."""
        if not self._described:
            self._build_dir.mkdir(parents=True, exist_ok=True)
            compile_commands.write(self.plan)
            self._described = True

    def _generate(self) -> None:
        """Write the sources that the plan brings along; one that is as it should be stays."""
        for file in self.plan.generated:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            write_if_changed(file.path, file.content)

    def _unstarted(self, job: Job, error: OSError) -> BuildError:
        if self._tool(job.argv[0]) is not None:
            return self._unusable(self._short(Path(job.name)), error)
        hint = "it was there when the build was planned: is its package still installed?"
        return CompilerMissing(self.plan.environment.board, [job.argv[0]], hint=hint)

    def _unusable(self, what: str, error: OSError) -> BuildError:
        hint = "look at the disk's free space and at the folder's permissions"
        return BuildError(f"{what}: the system refused ({error})", hint=hint)

    def _short(self, path: Path) -> str:
        """A path as the user would name it."""
        root = self.plan.environment.project_dir
        return str(path.relative_to(root) if path.is_relative_to(root) else path)

    def _save(self) -> None:
        """Keep what was learnt. A store that cannot be written costs work later, never truth."""
        if self._executor.changed or self._tree.learnt:
            with contextlib.suppress(OSError):
                records.save(self._build_dir / _STORE, self._memory)
                self._executor.changed = self._tree.learnt = False


@dataclass(slots=True)
class _Unit:
    """A unit that must be compiled, and how that went."""

    source: Path
    job: Job
    outcome: Outcome | None = None
    broken: OSError | None = None


def _cpu_count() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
