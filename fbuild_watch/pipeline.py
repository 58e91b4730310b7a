"""From the project on disk to an image: project -> build -> image, in that order, once.

The stages do not know each other; this is where they meet. It stays warm from build to build.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import trio

from fbuild_watch import image, project
from fbuild_watch.build import Builder, BuildEvent
from fbuild_watch.errors import FbuildError
from fbuild_watch.model import BuildPlan, BuildReport, Environment
from fbuild_watch.outputs import make_folder, remove_outputs


class Pipeline:
    """The builds of one environment of one project."""

    def __init__(self, project_dir: Path, environment: str | None) -> None:
        self._project_dir = project_dir
        self._name = environment
        self._builder: Builder | None = None
        self.plan: BuildPlan | None = None
        """The newest plan; None before the first build."""

    @property
    def environment(self) -> Environment:
        """The environment of the newest plan. Before the first build there is none."""
        if self.plan is None:
            raise AssertionError("nothing was planned yet")
        return self.plan.environment

    def roots(self) -> frozenset[Path]:
        """The folders whose files can change the result. Never raises: a broken project has its own.

        Includes the folders of the headers that the last build found outside of the sources.
        """
        try:
            plan = self._make_plan()
        except FbuildError:
            return frozenset({self._project_dir / "src"})
        inputs = self._builder.inputs() if self._builder is not None else ()
        return frozenset({*plan.watch_roots, *(path.parent for path in inputs)})

    def load(self) -> Environment:
        """The environment as its files say now. Raises ProjectError."""
        return project.load(self._project_dir, self._name)

    async def build(
        self, *, clean: bool = False, on_event: Callable[[BuildEvent], None] = lambda _event: None
    ) -> BuildReport:
        """Build what is on disk now. Raises ProjectError, BuildError, ImageError.

        Cancelling ends the compilers; what they had finished is kept.
        """
        builder = await self._current_builder(clean=clean)
        built = await builder.build(on_event=on_event)
        started = time.monotonic()
        made = await trio.to_thread.run_sync(image.make, builder.plan)
        phases = {**built.phases, "imaged": time.monotonic() - started}
        return BuildReport(made, built.compiled, built.linked, phases)

    async def _current_builder(self, *, clean: bool) -> Builder:
        plan = await trio.to_thread.run_sync(self._make_plan)
        if clean:
            await trio.to_thread.run_sync(remove_outputs, plan.environment.build_dir)
        if clean or self._builder is None or plan != self.plan:
            make_folder(plan.environment.build_dir)
            self._builder = Builder(plan)
        self.plan = plan
        return self._builder

    def _make_plan(self) -> BuildPlan:
        return project.plan(self.load())
