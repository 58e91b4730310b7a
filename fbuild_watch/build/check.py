"""Which jobs must run: the memory of earlier builds held against the files.

There are two ways to look. *Everywhere*: each file that a record names is asked for its stat; that
is for a first build, and for whenever it is not sure what happened. *At a hint*: somebody watched
the folders and knows which paths changed; only their users are considered, however large the tree.

Rules
- A job is a suspect until `why` has found it current or it has run. Suspects outlive a build that
  failed or was cancelled.
- Steps (hooks, archives, link) are few: whenever anything ran before them, all of them are suspects.
- Blind jobs run when their commands or the files named there changed, and with any build that does
  something. Then every input that they may have made is looked at again.
- What they write before the units and take back after them (ESP32's `file_opts`) is, until they run,
  no change as long as it is what the last build left.
- A hint that names what is not known asks for a new plan, not for a guess (`knows`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from fbuild_watch.build.declared import Declared
from fbuild_watch.build.graph import Job, Look, Reason, Record, Version, why
from fbuild_watch.build.jobs import Jobs
from fbuild_watch.build.memory import Memory
from fbuild_watch.build.shadows import Shadows
from fbuild_watch.build.tree import Tree


class Check:
    """The memory, the files as this build sees them, and the suspects."""

    def __init__(
        self, memory: Memory, tree: Tree, jobs: Jobs, shadows: Shadows, declared: Declared
    ) -> None:
        self.memory = memory
        self.tree = tree
        self._shadows = shadows
        self._declared = declared
        self._suspects: set[str] = set()
        self._shadowed: dict[str, str] = {}
        """Units on whose way to their headers something new is, and what."""
        self._changed: set[str] = set()
        """Paths that likely are the reason."""
        self._works = False
        """Whether this build does anything: then blind jobs run too."""
        self._everywhere = False
        self._is_stale = False
        """Whether this build looked everywhere, and a blind job may have written anything since."""
        self._left: dict[str, Version | None] = {}
        """What the last build left of what blind jobs may make; empty while they may run."""
        self.adopt(jobs)

    def adopt(self, jobs: Jobs) -> None:
        """Work for these jobs from now on; the next build has to look everywhere."""
        self._jobs = jobs
        self._shadows.adopt(jobs)
        self._mentioned = {name for job in jobs.steps() for name in job.mentions}
        self._hooks = {job.output for job in (*jobs.prebuild, *jobs.core_hooks)}
        self._step_outputs = {job.output for job in jobs.steps()}
        self._outputs = frozenset(jobs.outputs())
        self._blind = [job for job in jobs.steps() if job.is_blind]
        self.sure = False
        """Whether everything was looked at, so that a hint can be believed."""

    def begin(self, now_ns: int, changed: Iterable[str] | None) -> None:
        """Open a build; None: look everywhere."""
        self.tree.begin(now_ns)
        self._works = self._is_stale = False
        self._everywhere = changed is None or not self.sure
        if self._everywhere:
            self._look_everywhere()
        else:
            self._changed = set()
            self._look_at(changed or ())
        if self._blind:
            self._works = bool(self.due()) or any(map(self.why, self._jobs.steps()))
        if self._works:
            self._left.clear()
            for job in self._blind:  # also if this build ends before it comes to them
                self.memory.drop(job.output)

    def _look_at(self, paths: Iterable[str]) -> None:
        """Look again at these files; who uses one that is another now is a suspect."""
        changed = {path for path in paths if self.tree.differs(path)}
        self._changed |= changed
        for path in changed:
            self._suspects.update(self.memory.users(path))
        if not changed.isdisjoint(self._mentioned):
            self._suspect_steps()

    def look_again(self) -> bool:
        """Look everywhere after all; whether that found what the hint had not."""
        before = self._suspects | self._step_outputs
        self._look_everywhere()
        return not self._suspects <= before

    @property
    def has_blind(self) -> bool:
        """Whether there are jobs of which nobody knows what they make."""
        return bool(self._blind)

    def end(self) -> None:
        """A build has succeeded."""
        self._works = False
        made = {path for job in self._blind for path in job.may_make if self.memory.has_path(path)}
        self._left = {path: self.tree.now(path) for path in made}

    def is_at_rest(self) -> bool:
        """Whether another build of the same files would find nothing to do, as far as can be told."""
        return not (self._is_stale or self.due() or any(map(self.why, self._jobs.steps())))

    def expect_hints(self) -> None:
        """Do now what the first hint would have to wait for."""
        self.memory.users("")

    def is_suspect(self, job: Job) -> bool:
        """Whether `why` has to look."""
        return job.output in self._suspects or (job.is_blind and self._works)

    def due(self, among: range | None = None) -> list[tuple[Job, Reason]]:
        """The units that must be compiled, in the plan's order, and why; `among` those of the plan."""
        if self._is_stale:
            self._look_everywhere()
        places, units = self._jobs.places, self._jobs.units
        asked = range(len(units)) if among is None else among
        found = (places[output] for output in self._suspects if output in places)
        suspects = sorted(place for place in found if place in asked)
        looked = [(units[place], self.why(units[place])) for place in suspects]
        return [(job, reason) for job, reason in looked if reason is not None]

    def why(self, job: Job) -> Reason | None:
        """Why a job must run; None: it is current."""
        if job.is_blind and self._works:
            return Reason("with the build")
        if job.output not in self._suspects:
            return None
        record = self.memory.records.get(job.output)
        look = self._look_for(record) if record and self._left else self.tree.look
        reason = why(job, record, look, self._declared.of, self._changed)
        if reason is None and job.output in self._shadowed:
            return Reason("input new", self._shadowed[job.output])
        if reason is None:
            self._suspects.discard(job.output)
        return reason

    def _look_for(self, record: Record) -> Look:
        """What files hold, to one who saw these: as then, where it is what the last build left."""
        look = self.tree.look
        resting = {
            seen.path: seen
            for seen in record.inputs
            if seen.path in self._left and look(seen.path) is self._left[seen.path]
        }
        return lambda path: resting.get(path) or look(path)

    def ran(self, job: Job) -> None:
        """A job has succeeded. Without a record (an input changed meanwhile) it stays a suspect."""
        self._works = True
        self._suspect_steps()
        self._changed.add(job.output)
        if job.output in self._hooks:
            self._suspects.update(self.memory.users(job.output))
        if job.is_blind:
            self._look_at((*job.mentions, *job.may_make, *self._made_by_nobody()))
            self._is_stale = self._everywhere
        if job.output in self.memory.records:
            self._suspects.discard(job.output)
            self._shadowed.pop(job.output, None)

    def _made_by_nobody(self) -> Iterable[str]:
        """The inputs in the build folder that no job is known to make."""
        here, known = f"{self._jobs.build_dir}{os.sep}", self._outputs
        paths = tuple(self.memory.paths())
        return [path for path in paths if path.startswith(here) and path not in known]

    def knows(self, path: str) -> bool:
        """Whether a record or a command names this file, so that a hint at it says enough."""
        return self.memory.has_path(path) or path in self._mentioned

    def _look_everywhere(self) -> None:
        self._changed = set()
        self.tree.forget()
        self._suspects.update(self.memory.changed(self.tree.look))
        records = self.memory.records
        for job in self._jobs.units:
            record = records.get(job.output)
            if record is None or record.identity != job.identity or _is_by_another(record, job):
                self._suspects.add(job.output)
        self._shadows.forget()
        self._shadowed = {job.output: path for job, path in self._shadows.new(self.memory)}
        self._suspects.update(self._shadowed)
        self._suspect_steps()
        self._is_stale = False
        self.sure = True

    def _suspect_steps(self) -> None:
        self._suspects.update(self._step_outputs)


def _is_by_another(record: Record, job: Job) -> bool:
    """Whether a unit was compiled by another file than the one that its command finds now."""
    return any(seen.path != now for seen, now in zip(record.inputs, job.inputs, strict=False))
