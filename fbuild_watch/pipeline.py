"""From the project on disk to an image: project -> packages -> build -> image, in that order, once.

The stages do not know each other; this is where they meet. It stays warm from build to build: when
a watcher tells what changed (`edited`), and only known files did, nothing is read or planned anew.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from fbuild_watch import image, project, words
from fbuild_watch.build import (
    Builder,
    BuildEvent,
    Built,
    ForeignBuilder,
    Grounds,
    SizeReport,
    refused,
    user_cache,
)
from fbuild_watch.errors import BuildError, FbuildError
from fbuild_watch.hints import Hints
from fbuild_watch.model import BuildPlan, BuildReport, Environment, ForeignPlan, Image, Installed
from fbuild_watch.outputs import make_folder, remove_outputs
from fbuild_watch.profiles import Profile, launcher
from fbuild_watch.project.planner import Planner, is_outdated
from fbuild_watch.provision import Provision, spoken
from fbuild_watch.system import surroundings

if TYPE_CHECKING:
    from fbuild_watch.packages import OnProgress


class Pipeline:
    """The builds of one environment of one project."""

    def __init__(
        self, project_dir: Path, environment: str | None, *, release: bool = False
    ) -> None:
        self._project_dir = project_dir
        self._name = environment
        self._builder: Builder | ForeignBuilder | None = None
        self._provision = Provision()
        self._planner = Planner()
        self._planning = threading.Lock()
        self._profile = Profile(release=release)
        self._told_cost = False
        self._told_of: tuple[object, object] = (None, None)
        self._hints = Hints()
        self._roots: frozenset[Path] = frozenset()
        self._installed = Installed()
        self._said: set[str] = set()
        self.plan: BuildPlan | ForeignPlan | None = None
        """The newest plan; None before the first build."""
        self.say: Callable[[str], None] = lambda _words: None
        """Told once of each slip in the project's files, and of what they ask for in vain."""
        self.on_package: OnProgress = spoken(lambda words: self.say(words))
        """Told of each step of installing what is missing; `say` hears of the larger ones."""
        self.colours = False
        """Whether compilers are asked for colours: a terminal shows what they say."""
        self.inputs_moved: Callable[[], None] | None = None
        """Called when a build looked for files where neither `roots` nor `beside` knew of any."""
        self._beside: frozenset[Path] = frozenset()
        self._made = ""

    def close(self) -> None:
        """Let go of the packages that it uses. The next build takes them again."""
        self._provision.close()

    @property
    def environment(self) -> Environment:
        """The environment of the newest plan. Before the first build there is none."""
        if self.plan is None:
            raise AssertionError("nothing was planned yet")
        return self.plan.environment

    def roots(self) -> frozenset[Path]:
        """The folders whose files can change the result, with all that is below them.

        Never raises: a broken project has its own.
        """
        try:
            plan = self._plan(self.load())
        except FbuildError:
            return frozenset({self._project_dir / "src"})
        self._roots, self._beside = self._folders(plan)
        return self._roots

    def beside(self) -> frozenset[Path]:
        """The folders beside those that `roots` gave last, of which only the files in them count.

        Such as those of the headers that the last build found outside of the sources.
        """
        return self._beside

    def _folders(self, plan: BuildPlan | ForeignPlan) -> tuple[frozenset[Path], frozenset[Path]]:
        inputs, project_dir = self._input_folders(), self._project_dir
        if isinstance(plan, ForeignPlan):  # a folder above what is built would see each build
            own = (folder for folder in inputs if folder.is_relative_to(project_dir))
            wanted = {*plan.watch_roots, *own}
            roots = frozenset(root for root in wanted if not _holds(root, plan.outputs))
            read = {path.parent for path in plan.environment.read_from}
            named = frozenset(folder for folder in read if self.is_edit([folder]))
        else:
            roots, named = frozenset(plan.watch_roots), frozenset(plan.watch_beside)
        beside = (
            folder for folder in inputs | named
            if folder != project_dir and roots.isdisjoint((folder, *folder.parents))
        )  # fmt: skip
        return roots, frozenset(beside)

    def _tell_of_new_folders(self) -> None:
        """Once for each plan and set of inputs: after nearly every build both are as they were."""
        tell, plan = self.inputs_moved, self.plan
        if tell is None:
            return
        inputs = self._input_folders()
        if plan is self._told_of[0] and inputs is self._told_of[1]:
            return
        self._told_of = plan, inputs
        if plan and self._folders(plan) != (self._roots, self._beside):
            tell()

    def _input_folders(self) -> frozenset[Path]:
        if isinstance(self._builder, Builder):
            return self._builder.input_folders()
        inputs = self._builder.inputs() if self._builder is not None else ()
        return frozenset(path.parent for path in inputs)

    def edited(self, changes: Collection[Path]) -> None:
        """These files changed, by who watches the roots and will tell of every change."""
        self._hints.add(changes)

    def is_edit(self, changes: Collection[Path]) -> bool:
        """Whether one of these files is more than what a build has written."""
        outputs = self.plan.outputs if isinstance(self.plan, ForeignPlan) else ()
        return not all(any(path.is_relative_to(output) for output in outputs) for path in changes)

    @contextmanager
    def telling(self, say: Callable[[str], None], on_package: OnProgress) -> Iterator[None]:
        """For the block, whose builds are for somebody who listens: `say` hears too what is said,
        and `on_package` alone of what is installed.
        """
        own = self.say, self.on_package

        def say_to_both(text: str) -> None:
            own[0](text)
            say(text)

        self.say, self.on_package = say_to_both, on_package
        try:
            yield
        finally:
            self.say, self.on_package = own

    def load(self) -> Environment:
        """The environment as its files say now. Raises ProjectError."""
        loaded = project.load(self._project_dir, self._name, surroundings.environ())
        return self._profile.environment(loaded)

    async def build(
        self,
        *,
        clean: bool = False,
        on_event: Callable[[BuildEvent], None] = lambda _event: None,
    ) -> BuildReport:
        """Build what is on disk now. Raises ProjectError, PackageError, BuildError, ImageError.

        Cancelling ends the compilers; what they had finished is kept.
        """
        changed = None if clean else self._hints.take()
        with self._hints.lost_on_error():
            standing = await trio.to_thread.run_sync(self._standing, changed)
            changed = changed if standing else None
            plan = standing or await self._new_plan()
        self._say_once(plan)
        try:
            return await self._build(plan, changed, on_event, clean=clean)
        finally:  # also after a failure: where it is mended may be what nobody watches yet
            self._tell_of_new_folders()

    async def _build(
        self,
        plan: BuildPlan | ForeignPlan,
        changed: frozenset[Path] | None,
        on_event: Callable[[BuildEvent], None],
        *,
        clean: bool,
    ) -> BuildReport:
        if isinstance(plan, ForeignPlan):
            built = await self._build_foreign(plan, clean=clean)
            make = partial(image.of_foreign, plan)
            return await trio.to_thread.run_sync(self._imaged, built, make)
        try:
            return await self._with_made(plan, changed, on_event, clean=clean)
        except FbuildError as error:
            full = self._profile.fall_back(plan, error)
            if full is None:
                raise
            self.say(words.without_dev_profile(error))
        return await self._with_made(full, None, on_event, clean=False)

    async def _with_made(
        self,
        plan: BuildPlan,
        changed: frozenset[Path] | None,
        on_event: Callable[[BuildEvent], None],
        *,
        clean: bool,
    ) -> BuildReport:
        """Build a plan; and once more where its hooks wrote sources that it did not know of."""
        try:
            report, is_current = await self._build_planned(plan, changed, on_event, clean=clean)
        except BuildError:
            if not await trio.to_thread.run_sync(is_outdated, plan):
                raise
        else:
            if is_current:
                return report
        again = await trio.to_thread.run_sync(self._plan, plan.environment)
        assert isinstance(again, BuildPlan)
        return (await self._build_planned(again, None, on_event, clean=False))[0]

    def _standing(self, changed: frozenset[Path] | None) -> BuildPlan | None:
        """The plan, if it is still right after these changes, as far as can be told at once."""
        last, plan = self._planner.last, self.plan
        if changed is None or last is None or not isinstance(plan, BuildPlan):
            return None
        known = isinstance(self._builder, Builder) and self._builder.knows(changed)
        if not known or not changed.isdisjoint((*plan.read_from, *plan.environment.read_from)):
            return None
        with self._planning:
            again = self._planner.plan(plan.environment, self._installed, changed)
        return plan if again is last else None

    async def _new_plan(self) -> BuildPlan | ForeignPlan:
        environment = await trio.to_thread.run_sync(self.load)
        self._installed = await self._provision.provide(environment, self.on_package)
        return await trio.to_thread.run_sync(self._plan, environment)

    async def _build_planned(
        self,
        plan: BuildPlan,
        changed: frozenset[Path] | None,
        on_event: Callable[[BuildEvent], None],
        *,
        clean: bool,
    ) -> tuple[BuildReport, bool]:
        """Build a plan; the report, and whether the plan is right still."""
        with self._hints.lost_on_error():
            builder = await self._current_builder(plan, clean=clean)
        built = await builder.build(changed=changed, on_event=on_event)
        finished = await trio.to_thread.run_sync(self._finished, plan, builder, built)
        self._say_cost(finished.cost)
        return finished.report, finished.is_current

    def _finished(self, plan: BuildPlan, builder: Builder, built: Built) -> _Finished:
        """All that comes after the link, in one go. Raises ImageTooBig, ImageError."""
        cost = None
        if built.linked:
            self._profile.check_fits(plan)
            cost = None if self._told_cost else self._profile.cost(plan)
        report = self._imaged(built, partial(image.make, plan))
        builder.settle(self._roots)
        return _Finished(report, cost, is_current=not is_outdated(plan))

    def _say_cost(self, cost: tuple[int, int | None] | None) -> None:
        """What dev costs, once: how large this build is, and how large the last release."""
        if cost is not None:
            self._told_cost = True
            self.say(words.dev_cost(*cost))

    def grounds(self) -> Grounds | None:
        """What the newest build rests on, so that another would find nothing to do; None: that
        cannot be told, or it is another program's.
        """
        return self._builder.grounds() if isinstance(self._builder, Builder) else None

    async def sizes(self) -> SizeReport | None:
        """What the newest build takes; None where another program built it.

        Raises OSError, and ValueError where its ELF cannot be read.
        """
        return await self._builder.sizes() if isinstance(self._builder, Builder) else None

    def _imaged(self, built: Built, make: Callable[[], Image]) -> BuildReport:
        started = time.monotonic()
        made = make()
        phases = {**built.phases, "imaged": time.monotonic() - started}
        linked = built.linked
        if isinstance(self.plan, ForeignPlan):  # it tells only by what it has made
            linked, self._made = made.build_id != self._made, made.build_id
        reasons = {name: str(reason) for name, reason in built.reasons.items()}
        return BuildReport(made, built.compiled, linked, phases, reasons)

    async def _build_foreign(self, plan: ForeignPlan, *, clean: bool) -> Built:
        if not isinstance(self._builder, ForeignBuilder) or plan != self.plan:
            self._builder = ForeignBuilder(plan)
        self.plan = plan
        return await self._builder.build(clean=clean)

    @staticmethod
    def slips(plan: BuildPlan | ForeignPlan) -> tuple[str, ...]:
        """What `say` is told once of a plan: slips in its files, and what they ask for in vain."""
        about = () if isinstance(plan, ForeignPlan) else plan.warnings
        return (*plan.environment.warnings, *plan.environment.unsupported, *about)

    def _say_once(self, plan: BuildPlan | ForeignPlan) -> None:
        for said in self.slips(plan):
            if said not in self._said:
                self._said.add(said)
                self.say(said)

    async def _current_builder(self, plan: BuildPlan, *, clean: bool) -> Builder:
        if clean:
            await trio.to_thread.run_sync(remove_outputs, plan.environment.build_dir)
        if clean or not isinstance(self._builder, Builder):
            self._builder = await trio.to_thread.run_sync(_new_builder, plan, self.colours)
        elif plan is not self.plan and plan != self.plan:
            adopt = partial(self._builder.adopt, launcher=launcher(plan.environment))
            await trio.to_thread.run_sync(adopt, plan)
        self.plan = plan
        return self._builder

    def _plan(self, environment: Environment) -> BuildPlan | ForeignPlan:
        foreign = project.foreign_plan(environment)
        if foreign is not None:
            return foreign
        with self._planning:  # the watcher asks from a thread of its own
            return self._profile.plan(self._planner.plan(environment, self._installed))


@dataclass(frozen=True, slots=True)
class _Finished:
    """A build of a plan, through."""

    report: BuildReport
    cost: tuple[int, int | None] | None
    """What dev costs, where that is to be said."""
    is_current: bool
    """Whether the plan would be the same now."""


def _new_builder(plan: BuildPlan, colours: bool) -> Builder:
    folder = plan.environment.build_dir
    try:
        make_folder(folder)
    except OSError as error:
        raise refused(str(folder), error) from error
    through = launcher(plan.environment)
    return Builder(plan, colours=colours, cache=user_cache(), launcher=through)


def _holds(folder: Path, paths: Collection[Path]) -> bool:
    return any(path.is_relative_to(folder) for path in paths)
