"""One build of a plan, from its hooks to its images: what is due is run, in order.

    hooks -> translation units (in parallel; the core's last where hooks stand before it)
    -> archives -> link -> hooks, objcopy

Rules
- A failed unit does not stop the others: one build shows every error. Nothing is linked then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import trio

from fbuild_watch.build import failures
from fbuild_watch.build.aside import Aside
from fbuild_watch.build.check import Check
from fbuild_watch.build.events import Built, OnEvent, Started, StepDone, UnitDone
from fbuild_watch.build.execute import Executor
from fbuild_watch.build.graph import Job, Reason
from fbuild_watch.build.jobs import Jobs
from fbuild_watch.build.runner import Outcome
from fbuild_watch.errors import CommandNotStarted, CompileFailed
from fbuild_watch.model import BuildPlan

Due = list[tuple[Job, Reason]]


@dataclass(slots=True)
class OnePass:
    """Used once."""

    plan: BuildPlan
    jobs: Jobs
    check: Check
    executor: Executor
    aside: Aside
    parallel: int
    on_event: OnEvent
    keep_up: Callable[[], Awaitable[None]]
    """Called after each unit."""
    due: Due | None = None
    """The units that must be compiled, where that is known already."""
    _announced: int = 0
    _reasons: dict[str, Reason] = field(default_factory=dict)

    async def run(self) -> Built:
        """Do it. Raises BuildError."""
        began, jobs = trio.current_time(), self.jobs
        await self._steps(jobs.prebuild)
        compiled = await self._compile(range(jobs.core_units, len(jobs.units)))
        if jobs.core_hooks:
            await self._steps(jobs.core_hooks)
            compiled += await self._compile(range(jobs.core_units))
        between = trio.current_time()
        linked = await self._steps(jobs.link)
        await self._steps(jobs.finish)
        phases = {"compiled": between - began} if compiled else {}
        phases |= {"linked": trio.current_time() - between} if linked else {}
        return Built(compiled, linked, self.plan.elf, phases, self._reasons)

    # --- translation units -----------------------------------------------------------------

    async def _compile(self, among: range) -> tuple[Path, ...]:
        due, self.due = self.due, None
        if due is None:
            due = await self.aside(self.check.due, among)
        dirty = [_Unit(job, reason) for job, reason in due]
        self._reasons |= {self._short(unit.job): unit.reason for unit in dirty}
        if dirty or not self._announced:
            done, self._announced = self._announced, self._announced + len(dirty)
            self.on_event(Started(self._announced, done))
        waiting = iter(dirty)
        async with trio.open_nursery() as nursery:
            for _ in range(min(self.parallel, len(dirty))):
                nursery.start_soon(self._work, waiting)
        self._raise_failures(dirty)
        return tuple(Path(unit.job.name) for unit in dirty)

    async def _work(self, waiting: Iterator[_Unit]) -> None:
        """One of the parallel workers: take units until none is left, or one cannot be run."""
        for unit in waiting:
            try:
                outcome = unit.outcome = await self.executor.run(unit.job)
            except (OSError, CommandNotStarted) as error:
                unit.broken = error
                return
            assert outcome is not None
            source, ok = Path(unit.job.name), outcome.code == 0
            words = outcome.output if ok else ""
            self.on_event(UnitDone(source, outcome.seconds, ok, words, unit.reason, outcome.reused))
            await self.keep_up()

    def _raise_failures(self, units: Sequence[_Unit]) -> None:
        for unit in units:
            if unit.broken is not None:
                raise failures.unstarted(self.plan, unit.job, unit.broken) from unit.broken
        failed = [
            (self._short(unit.job), unit.outcome.output)
            for unit in units
            if unit.outcome is not None and unit.outcome.code != 0
        ]
        if failed:
            raise CompileFailed([name for name, _ in failed], "".join(words for _, words in failed))

    def _short(self, unit: Job) -> str:
        return failures.short(self.plan, Path(unit.name))

    # --- steps -----------------------------------------------------------------------------

    async def _steps(self, steps: Sequence[Job]) -> bool:
        """Run those that are not current, in order; whether the last one ran."""
        ran = False
        for job in steps:
            ran = self.check.is_suspect(job) and await self._step(job)
        return ran

    async def _step(self, job: Job) -> bool:
        """Run a step if there is a reason to; whether there was."""
        try:
            outcome = await self.executor.run(job, self._is_due)
        except (OSError, CommandNotStarted) as error:
            raise failures.unstarted(self.plan, job, error) from error
        if outcome is None:
            return False
        if outcome.code != 0:
            raise failures.step_failed(self.plan, job, outcome)
        reason = self._reasons[job.name]
        self.on_event(StepDone(job.name, outcome.seconds, outcome.output, reason))
        return True

    def _is_due(self, job: Job) -> bool:
        reason = self.check.why(job)
        if reason is not None:
            self._reasons[job.name] = reason
        return reason is not None


@dataclass(slots=True)
class _Unit:
    """A unit that must be compiled, and how that went."""

    job: Job
    reason: Reason
    outcome: Outcome | None = None
    broken: OSError | CommandNotStarted | None = None
