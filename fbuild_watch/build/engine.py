"""The builder: what a plan needs done, in order, and nothing else.

    hooks -> translation units (in parallel; the core's last where hooks stand before it)
    -> archives -> link -> hooks, objcopy

Not here: which commands there are (project/), what is dirty (graph.py, check.py), how a command is
run (runner.py) and recorded (execute.py).

Rules
- A failed unit does not stop the others: one build shows every error. Nothing is linked then.
- Whatever was compiled is remembered, also when the build fails or is cancelled.
- One build at a time for each build folder, whoever builds (folder.py).
- A hint saves looking, never truth: what fails under a hint is looked at again without it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

import trio

from fbuild_watch import surroundings
from fbuild_watch.build import compile_commands, size
from fbuild_watch.build.aside import Aside
from fbuild_watch.build.cache import ObjectCache
from fbuild_watch.build.check import Check
from fbuild_watch.build.declared import Declared
from fbuild_watch.build.events import (
    BuildEvent,
    Built,
    Grounds,
    OnEvent,
    Started,
    StepDone,
    UnitDone,
)
from fbuild_watch.build.execute import Executor
from fbuild_watch.build.folder import BuildFolder, Clock
from fbuild_watch.build.graph import Job, Reason, Record, digest
from fbuild_watch.build.jobs import Jobs, read_by_compilers
from fbuild_watch.build.places import Places
from fbuild_watch.build.reading import Reading
from fbuild_watch.build.reuse import Reuse
from fbuild_watch.build.runner import Outcome, Runner
from fbuild_watch.build.shadows import Shadows
from fbuild_watch.build.size import SizeReport
from fbuild_watch.build.store import Store
from fbuild_watch.build.tree import Tree
from fbuild_watch.build.watched import unwatched
from fbuild_watch.errors import (
    BuildError,
    CommandNotStarted,
    CompileFailed,
    CompilerMissing,
    FbuildError,
    LinkFailed,
    StepFailed,
)
from fbuild_watch.files import write_if_changed
from fbuild_watch.model import BuildPlan

_STORE = ".records"
_SAVE_EVERY_S = 0.5
"""So much of a long build is lost at most when it is killed."""
_UNASKED: Final = "unasked"
_Hint = Collection[Path] | Literal["unasked"] | None
_FLUSH_AT = 16
"""So many objects may wait for the cache; those of an edit wait until its ELF is there."""


def _ignore(_event: BuildEvent) -> None:
    """Nobody watches this build."""


class Builder:
    """Builds one plan, again and again; what it learnt stays in memory and in the build folder."""

    def __init__(
        self,
        plan: BuildPlan,
        *,
        jobs: int | None = None,
        colours: bool = False,
        cache: ObjectCache | None = None,
        launcher: tuple[str, ...] = (),
    ) -> None:
        self._parallel = jobs or _cpu_count()
        self._cache = cache
        self._places = Places(plan.environment.project_dir)
        self._launcher = launcher
        self._colours = colours
        self._build_dir = plan.environment.build_dir
        self._folder = BuildFolder(self._build_dir)
        self._store = Store(self._build_dir / _STORE)
        self._runner = Runner(plan.environment.project_dir)
        self._aside = Aside()
        self._saved_at = 0.0
        self.plan = plan
        self._tools: dict[str, str | None] = {}
        self._unasked: set[str] = set()
        """Compilers of which it is not known yet what is to be added to their commands."""
        self._jobs = self._jobs_of(plan)
        self._tidied = False
        self._unwatched: tuple[str, ...] = ()
        self._expected: object = None
        self._due: list[tuple[Job, Reason]] | None = None
        """The units that this build must compile, where that was known when it began."""
        self._folders: frozenset[Path] = frozenset()
        self._folders_of: object = None
        self._hint: set[Path] | None = None
        """What changed since the last look, also when the build that was told ended before it."""
        self._load()

    def adopt(self, plan: BuildPlan, *, launcher: tuple[str, ...] | None = None) -> None:
        """Build this plan from now on: another one for the same build folder."""
        self.plan = plan
        if launcher is not None:
            self._launcher = self._executor.launcher = launcher
        self._tools.clear()
        self._jobs = self._jobs_of(plan)
        self._tidied = False
        self._check.adopt(self._jobs)

    def _load(self) -> None:
        self._expected = None
        self._memory = self._store.load()
        project_dir, tree = self.plan.environment.project_dir, Tree(self._memory)
        shadows = Shadows(project_dir, self._jobs)
        declared = Declared(project_dir, self._build_dir, tree.look)
        self._check = Check(self._memory, tree, self._jobs, shadows, declared)
        run = self._runner.run
        self._executor = Executor(
            self._runner,
            tree,
            self._memory,
            Reading(tree, self._memory, shadows, declared, project_dir, run),
            self._aside,
            self._check.ran,
            reuse=Reuse(self._cache, self._places, tree, shadows) if self._cache else None,
            launcher=self._launcher,
            colours=self._colours,
        )

    def _jobs_of(self, plan: BuildPlan) -> Jobs:
        def added(name: str) -> tuple[str, ...]:
            tool = self._tool(name) if self._cache else None
            flags = self._places.flags(tool) if tool else ()
            if tool and flags is None:
                self._unasked.add(tool)
            return flags or ()

        self._environment = read_by_compilers(surroundings.environ())
        return Jobs.of(plan, self._tool, added, self._environment)

    async def build(
        self, *, changed: Collection[Path] | None = None, on_event: OnEvent = _ignore
    ) -> Built:
        """Bring the ELF up to date.

        `changed`: the only files that changed since the last build, by who watches them
        (`settle` was told); None: nobody knows, so all are looked at.

        Raises CompileFailed (after every unit was tried), LinkFailed, StepFailed, CompilerMissing,
        and BuildError where the system refuses (a full disk, a folder that is not ours).
        Cancelling ends every process, and leaves no output that looks current but is not.
        """
        self._hint = None if changed is None or self._hint is None else self._hint | set(changed)
        try:
            async with self._folder.held(self._aside, self._begin) as hint:
                return await self._held_build(hint, on_event)
        except OSError as error:
            raise self._unusable(str(self._build_dir), error) from error

    def knows(self, changed: Collection[Path]) -> bool:
        """Whether each of these files is, and was, an input: then a hint at them says enough."""
        return all(self._check.knows(str(path)) and path.is_file() for path in changed)

    def inputs(self) -> frozenset[Path]:
        """Every file that went into the newest build: sources, headers wherever they lie, scripts.

        Not the toolchain, and not what the build itself has made.
        """
        return frozenset(Path(os.path.normpath(name)) for name in self._edited_by_people())

    def input_folders(self) -> frozenset[Path]:
        """The folders of `inputs`: the same object as long as they are the same files."""
        state = (self._memory, self._memory.generation, self._jobs)
        if self._folders_of != state:
            self._folders = frozenset(path.parent for path in self.inputs())
            self._folders_of = state
        return self._folders

    def settle(self, watched: Collection[Path] = ()) -> None:
        """Do what the ELF need not wait for: fill the object cache, get ready for a hint. Blocks.

        `watched`: the folders that hints come from.
        """
        if self._executor.reuse is not None:
            self._executor.reuse.flush()
        expected = (frozenset(watched), self._memory.generation)
        if watched and self._check.sure and self._expected != expected:
            tools = [name for name in self._tools.values() if name]
            self._unwatched = unwatched((*self._edited_by_people(), *tools), watched)
            self._check.expect_hints()
            self._expected = expected

    def grounds(self) -> Grounds | None:
        """What the newest build rests on; None: it cannot be told. Not while one runs."""
        found, contents = self._check.tree.looks()
        folders = self._executor.reading.shadows.looks()
        if folders is None:
            return None
        return Grounds({**found, **folders}, contents, dict(self._tools))

    async def sizes(self) -> SizeReport:
        """What the newest ELF takes, by section and by file, against the last such report.

        Writes firmware.map; where the recipe does not, by linking once more, aside.
        Raises OSError, and ValueError where the ELF cannot be read.
        """
        path = size.named_map(self.plan) or await self._link_for_a_map()
        return await trio.to_thread.run_sync(self._sizes_by, path)

    def _sizes_by(self, path: Path) -> SizeReport:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            text = ""  # a linker that makes none (zig's)
        return size.compared(self.plan, size.measure(self.plan, text))

    async def _link_for_a_map(self) -> Path:
        path, aside = self._build_dir / "firmware.map", self._build_dir / ".map.elf"
        elf = str(self.plan.elf)
        words = (str(aside) if word == elf else word for word in self.plan.link.argv)
        remove = partial(trio.to_thread.run_sync, partial(Path.unlink, missing_ok=True))
        try:
            await remove(path)
            await self._runner.run((*words, f"-Wl,-Map={path}"))
        finally:
            with trio.CancelScope(shield=True):
                await remove(aside)
        return path

    def _edited_by_people(self) -> list[str]:
        made, toolchain = f"{self._build_dir}{os.sep}", self._jobs.toolchain
        return [
            path
            for path in tuple(self._memory.paths())  # a copy: the watcher asks from a thread
            if not path.startswith(made) and not toolchain.has(path)
        ]

    # --- one build -------------------------------------------------------------------------

    async def _held_build(self, hint: _Hint, on_event: OnEvent) -> Built:
        while hint == _UNASKED:
            await self._ask_compilers()
            hint = await self._aside(self._begin, self._clock)
        try:
            self._hint = set()
            return await self._pass(on_event)
        except BuildError:
            if hint is None or not await self._aside(self._look_again):
                raise
            return await self._pass(on_event)
        except FbuildError:
            raise
        except BaseException:
            self._runner.clear()
            raise
        finally:
            if self._memory.unsaved:
                with trio.CancelScope(shield=True):
                    await self._aside(self._save)

    async def _ask_compilers(self) -> None:
        for tool in self._unasked:
            await self._places.ask(tool)
        self._unasked.clear()
        await self._aside(self.adopt, self.plan)

    def _begin(self, clock: Clock) -> _Hint:
        """Look what has changed: where the hint says, which is then given, else everywhere.

        _UNASKED: compilers have to be asked first.
        """
        self._clock = clock
        if read_by_compilers(surroundings.environ()) != self._environment:
            self.adopt(self.plan)
        if not self._store.is_current():  # nothing was stored yet, or another process built here
            self._load()
        hint = self._hint if self._check.sure and self._expected is not None else None
        if hint is None and any(
            surroundings.which(name) != file for name, file in self._tools.items()
        ):
            self.adopt(self.plan)
        if self._unasked:
            return _UNASKED
        if hint is None:
            self._look_everywhere(clock)
        else:
            self._check.begin(clock(), (*self._unwatched, *map(str, hint)))
        self._due = None if self._jobs.hooks_before_units else self._check.due()
        return hint

    def _look_everywhere(self, clock: Clock) -> None:
        self._generate()
        self._check.begin(clock(), None)
        self._describe()

    def _look_again(self) -> bool:
        self._due = None
        self._generate()
        return self._check.look_again()

    async def _pass(self, on_event: OnEvent) -> Built:
        began = self._saved_at = trio.current_time()
        self._reasons: dict[str, Reason] = {}
        self._announced = 0
        jobs = self._jobs
        await self._steps(jobs.prebuild, on_event)
        compiled = await self._compile(range(jobs.core_units, len(jobs.units)), on_event)
        if jobs.core_hooks:
            await self._steps(jobs.core_hooks, on_event)
            compiled += await self._compile(range(jobs.core_units), on_event)
        between = trio.current_time()
        linked = await self._steps(self._jobs.link, on_event)
        if not self._tidied:
            await self._aside(self._tidy)
        await self._steps(self._jobs.finish, on_event)
        self._check.end()
        phases = {"compiled": between - began} if compiled else {}
        phases |= {"linked": trio.current_time() - between} if linked else {}
        return Built(compiled, linked, self.plan.elf, phases, self._reasons)

    # --- translation units -----------------------------------------------------------------

    async def _compile(self, among: range, on_event: OnEvent) -> tuple[Path, ...]:
        due, self._due = self._due, None
        if due is None:
            due = await self._aside(self._check.due, among)
        dirty = [_Unit(job, reason) for job, reason in due]
        self._reasons |= {self._short(Path(unit.job.name)): unit.reason for unit in dirty}
        if dirty or not self._announced:
            self._announced += len(dirty)
            on_event(Started(self._announced))
        waiting = iter(dirty)
        async with trio.open_nursery() as nursery:
            for _ in range(min(self._parallel, len(dirty))):
                nursery.start_soon(self._work, waiting, on_event)
        self._raise_failures(dirty)
        return tuple(Path(unit.job.name) for unit in dirty)

    async def _work(self, waiting: Iterator[_Unit], on_event: OnEvent) -> None:
        """One of the parallel workers: take units until none is left, or one cannot be run."""
        for unit in waiting:
            try:
                outcome = unit.outcome = await self._executor.run(unit.job)
            except (OSError, CommandNotStarted) as error:
                unit.broken = error
                return
            assert outcome is not None
            ok = outcome.code == 0
            words = outcome.output if ok else ""
            on_event(
                UnitDone(
                    Path(unit.job.name), outcome.seconds, ok, words, unit.reason, outcome.reused
                )
            )
            await self._keep_up()

    async def _keep_up(self) -> None:
        """In a long build, store while other units compile what would be lost or late at its end."""
        if trio.current_time() - self._saved_at > _SAVE_EVERY_S:
            self._saved_at = trio.current_time()
            await self._aside(self._save)
        reuse = self._executor.reuse
        if reuse is not None and reuse.waiting >= _FLUSH_AT:
            await trio.to_thread.run_sync(reuse.flush)

    def _raise_failures(self, units: Sequence[_Unit]) -> None:
        for unit in units:
            if unit.broken is not None:
                raise self._unstarted(unit.job, unit.broken) from unit.broken
        failed = [
            (self._short(Path(unit.job.name)), unit.outcome.output)
            for unit in units
            if unit.outcome is not None and unit.outcome.code != 0
        ]
        if failed:
            raise CompileFailed([name for name, _ in failed], "".join(words for _, words in failed))

    # --- steps -----------------------------------------------------------------------------

    async def _steps(self, steps: Sequence[Job], on_event: OnEvent) -> bool:
        """Run those that are not current, in order; whether the last one ran."""
        ran = False
        for job in steps:
            ran = self._check.is_suspect(job) and await self._step(job, on_event)
        return ran

    async def _step(self, job: Job, on_event: OnEvent) -> bool:
        """Run a step if there is a reason to; whether there was."""
        try:
            outcome = await self._executor.run(job, self._is_due)
        except (OSError, CommandNotStarted) as error:
            raise self._unstarted(job, error) from error
        if outcome is None:
            return False
        if outcome.code != 0:
            if job.output == str(self.plan.elf):
                raise LinkFailed(self._short(self.plan.elf), outcome.output)
            raise StepFailed(job.name, outcome.output)
        reason = self._reasons[job.name]
        on_event(StepDone(job.name, outcome.seconds, outcome.output, reason))
        return True

    def _is_due(self, job: Job) -> bool:
        reason = self._check.why(job)
        if reason is not None:
            self._reasons[job.name] = reason
        return reason is not None

    # --- the rest --------------------------------------------------------------------------

    def _tool(self, name: str) -> str | None:
        """The file of a command's program, looked up once for each look everywhere."""
        if name not in self._tools:
            self._tools[name] = surroundings.which(name)
        return self._tools[name]

    def _generate(self) -> None:
        """Write the sources that the plan brings along; one that is as it should be stays."""
        for file in self.plan.generated:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            write_if_changed(file.path, file.content)

    def _describe(self) -> None:
        """Write compile_commands.json when it is not this plan's."""
        path = str(self._build_dir / compile_commands.NAME)
        identity = digest(b"".join(job.identity for job in self._jobs.units))
        record = self._memory.records.get(path)
        look = self._check.tree.look
        if record and record.identity == identity and look(path) is record.output:
            return
        compile_commands.write(self.plan)
        made = self._check.tree.renew(path)
        if made is not None:
            self._memory.put(path, Record(identity, (), made))

    def _tidy(self) -> None:
        """Remove what no job of the plan makes any more; once, for the plan does not change."""
        keep = {*self._jobs.outputs(), str(self._build_dir / compile_commands.NAME)}
        self._executor.forget(keep, self._build_dir)
        self._tidied = True

    def _unstarted(self, job: Job, error: OSError | CommandNotStarted) -> BuildError:
        missing = error.program if isinstance(error, CommandNotStarted) and error.missing else None
        if missing != job.argv[0]:
            return self._unusable(self._short(Path(job.name)), error)
        hint = "it was there when the build was planned: is its package still installed?"
        return CompilerMissing(self.plan.environment.board, [job.argv[0]], hint=hint)

    def _unusable(self, what: str, error: OSError | CommandNotStarted) -> BuildError:
        hint = "look at the disk's free space and at the folder's permissions"
        return BuildError(f"{what}: the system refused ({error})", hint=hint)

    def _short(self, path: Path) -> str:
        """A path as the user would name it."""
        root = self.plan.environment.project_dir
        return str(path.relative_to(root) if path.is_relative_to(root) else path)

    def _save(self) -> None:
        """Keep what was learnt. A store that cannot be written costs work later, never truth."""
        if self._memory.unsaved:
            with contextlib.suppress(OSError):
                self._store.save(self._memory)


@dataclass(slots=True)
class _Unit:
    """A unit that must be compiled, and how that went."""

    job: Job
    reason: Reason
    outcome: Outcome | None = None
    broken: OSError | CommandNotStarted | None = None


def _cpu_count() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
