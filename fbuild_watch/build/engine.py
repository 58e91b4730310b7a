"""The builder: one plan's build folder, kept up to date from build to build.

It knows when to look everywhere and when to believe a hint, and keeps what was learnt. Not here:
which commands there are (project/), what is dirty (graph.py, check.py), in which order what is due is
run (one_pass.py), how a command is run (runner.py) and recorded (execute.py).

Rules
- Whatever was compiled is remembered, also when the build fails or is cancelled.
- One build at a time for each build folder, whoever builds (folder.py).
- A hint saves looking, never truth: what fails under a hint is looked at again without it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Final, Literal

import trio

from fbuild_watch.build import compile_commands, failures, sizing
from fbuild_watch.build.aside import Aside
from fbuild_watch.build.cache import ObjectCache
from fbuild_watch.build.check import Check
from fbuild_watch.build.declared import Declared
from fbuild_watch.build.events import BuildEvent, Built, Grounds, OnEvent, Waits
from fbuild_watch.build.execute import Executor
from fbuild_watch.build.folder import BuildFolder, Clock
from fbuild_watch.build.graph import Record, digest
from fbuild_watch.build.jobs import Jobs, read_by_compilers
from fbuild_watch.build.one_pass import Due, OnePass
from fbuild_watch.build.places import Places
from fbuild_watch.build.reading import Reading
from fbuild_watch.build.reuse import Reuse
from fbuild_watch.build.runner import Runner
from fbuild_watch.build.shadows import Shadows
from fbuild_watch.build.size import SizeReport
from fbuild_watch.build.store import Store
from fbuild_watch.build.tree import Tree
from fbuild_watch.build.watched import unwatched
from fbuild_watch.errors import (
    BuildError,
    FbuildError,
)
from fbuild_watch.model import BuildPlan
from fbuild_watch.system import surroundings
from fbuild_watch.system.files import write_if_changed

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
        self._due: Due | None = None
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
            told = partial(on_event, Waits())
            async with self._folder.held(self._aside, self._begin, told) as hint:
                return await self._held_build(hint, on_event)
        except OSError as error:
            raise failures.refused(str(self._build_dir), error) from error

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
        """What the newest build rests on; None: it cannot be told, or something is still due.

        Not while one runs.
        """
        if not self._check.is_at_rest():
            return None
        found, no_files, contents = self._check.tree.looks()
        folders = self._executor.reading.shadows.looks()
        if folders is None:
            return None
        return Grounds({**found, **folders}, no_files, contents, dict(self._tools))

    async def sizes(self) -> SizeReport:
        """What the newest ELF takes, as `sizing.report` says it."""
        return await sizing.report(self.plan, self._runner)

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
        self._saved_at = trio.current_time()
        due, self._due = self._due, None
        one = OnePass(
            self.plan,
            self._jobs,
            self._check,
            self._executor,
            self._aside,
            self._parallel,
            on_event,
            self._keep_up,
            due,
        )
        built = await one.run()
        if not self._tidied or self._check.has_blind:
            await self._aside(self._end)
        return built

    def _end(self) -> None:
        self._check.end()
        if not self._tidied:
            self._tidy()

    async def _keep_up(self) -> None:
        """In a long build, store while other units compile what would be lost or late at its end."""
        if trio.current_time() - self._saved_at > _SAVE_EVERY_S:
            self._saved_at = trio.current_time()
            await self._aside(self._save)
        reuse = self._executor.reuse
        if reuse is not None and reuse.waiting >= _FLUSH_AT:
            await trio.to_thread.run_sync(reuse.flush)

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

    def _save(self) -> None:
        """Keep what was learnt. A store that cannot be written costs work later, never truth."""
        if self._memory.unsaved:
            with contextlib.suppress(OSError):
                self._store.save(self._memory)


def _cpu_count() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
