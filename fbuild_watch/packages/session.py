"""What a project requires, made to be there: the room's one entrance for the pipeline and the CLI.

Rules
- What is installed and allowed by the requirement is used as it is: nobody is asked. A server is
  asked only when something is missing.
- A platform brings exactly the tools that its index names; one by URL those that an index in its
  own folder names. A library brings what its manifest depends on
  (depends.py); one that no index has may be the core's own, and is left to it.
- The first requirement for a library decides its version: the project's own before those of
  libraries, these in the order in which they were met.
- What does not need the other is installed at once, a few at a time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import trio

from fbuild_watch.errors import DownloadFailed, Offline, PackageNotFound
from fbuild_watch.model import Installed
from fbuild_watch.packages import depends, versions, wanted
from fbuild_watch.packages import recipe as recipes
from fbuild_watch.packages.absent import Absent
from fbuild_watch.packages.catalog import Catalog
from fbuild_watch.packages.fetch import Fetcher, Patience
from fbuild_watch.packages.identity import LIBRARIES, Identity, version_of_url
from fbuild_watch.packages.index_cache import IndexCache
from fbuild_watch.packages.installer import Installer
from fbuild_watch.packages.locks import Leases
from fbuild_watch.packages.manifest import Manifest
from fbuild_watch.packages.package_index import ToolName
from fbuild_watch.packages.places import StorePlaces, user_places
from fbuild_watch.packages.progress import OnProgress, Progress, ignore
from fbuild_watch.packages.recipe import Recipe
from fbuild_watch.packages.store import Store, usable
from fbuild_watch.packages.wanted import Requirements, Wanted
from fbuild_watch.system.surroundings import environ

BY_URL_VENDOR = "url"
"""The vendor of tools that came by a bare URL."""

_AT_ONCE = 4
"""Packages that are fetched and unpacked at the same time: servers are shared, disks too."""

T = TypeVar("T")


def is_offline() -> bool:
    """Whether the user has switched the network off (FBUILD_OFFLINE)."""
    return environ().get("FBUILD_OFFLINE", "") not in ("", "0")


class Packages:
    """The packages that one process uses. They stay in use until it ends, or `close`."""

    def __init__(
        self, places: StorePlaces | None = None, *, patience: Patience | None = None
    ) -> None:
        self.store = Store(places or user_places())
        self._leases = Leases(self.store)
        self._patience = patience or Patience()

    def close(self) -> None:
        """Use none any more."""
        self._leases.close()

    async def ensure(
        self,
        requirements: Requirements,
        *,
        offline: bool = False,
        verify: bool = False,
        on_progress: OnProgress = ignore,
    ) -> Installed:
        """Install what is missing or damaged of the requirements, and say where everything lies.

        `offline` (as FBUILD_OFFLINE does) asks no server. `verify` reads every installed byte.
        Raises PackageError. Cancelling leaves nothing half installed.
        """
        offline = offline or is_offline()
        places = self.store.places
        with usable(places):
            async with Fetcher(on_progress, self._patience) as fetcher:
                installer = Installer(
                    self.store, self._leases, fetcher, on_progress, offline=offline, verify=verify
                )
                cache = IndexCache(places.indexes, offline)
                catalog = Catalog(cache, fetcher, requirements.indexes, store=str(places.root))
                work = _Round(self.store, installer, catalog, on_progress, requirements.present)
                await work.add(requirements.packages)
                return work.result()


class _Round:
    """One call of `ensure`."""

    def __init__(
        self,
        store: Store,
        installer: Installer,
        catalog: Catalog,
        on_progress: OnProgress,
        present: frozenset[str],
    ) -> None:
        self._store = store
        self._installer = installer
        self._catalog = catalog
        self._on_progress = on_progress
        self._present = present
        self._absent = Absent(store.places.absent)
        self._platforms: dict[str, Path] = {}
        self._tools: dict[str, Path] = {}
        self._libraries: dict[str, Path] = {}

    def result(self) -> Installed:
        """Everything that was added."""
        return Installed(self._platforms, self._tools, tuple(self._libraries.values()))

    async def add(self, packages: Sequence[Wanted]) -> None:
        """See that packages are there, with what they need."""
        platforms = [one for one in packages if one.kind == "platform"]
        tools = [one for one in packages if one.kind == "tool"]
        found = await _all([partial(self._platform, one) for one in platforms])
        await self._add_tools(platforms, found, tools)
        level = [one for one in packages if one.kind == "library"]
        while level:
            level = await self._add_libraries(level)

    async def _platform(self, one: Wanted) -> tuple[Path, tuple[str, ...]]:
        """A platform's folder, and the tools that it needs."""
        vendor, _, arch = one.name.partition(":")
        if one.source is not None:
            folder = await self._folder_by_url(one, vendor, arch)
            return folder, await self._catalog.tools_of_core(folder, arch)
        found = await self._of_index(one, vendor, arch, self._catalog.platform)
        return self._store.folder(found.identity), found.requires

    async def _add_tools(
        self,
        platforms: Sequence[Wanted],
        found: Sequence[tuple[Path, tuple[str, ...]]],
        by_url: Sequence[Wanted],
    ) -> None:
        needed: dict[ToolName, str] = {}
        for one, (folder, tools) in zip(platforms, found, strict=True):
            self._platforms[one.name] = folder
            for text in tools:
                needed.setdefault(_tool_name(text), one.name.partition(":")[0])
        folders = await _all([partial(self._tool, *item) for item in needed.items()])
        for name, folder in zip(needed, folders, strict=True):
            self._tools.setdefault(name.name, folder)
            self._tools[f"{name.name}-{name.version}"] = folder
        own = await _all([partial(self._folder_by_url, one, BY_URL_VENDOR) for one in by_url])
        self._tools |= {one.name: folder for one, folder in zip(by_url, own, strict=True)}

    async def _tool(self, name: ToolName, platform_vendor: str) -> Path:
        identity = Identity("tool", name.vendor, name.name, name.version)
        found = await self._have(identity, lambda: self._catalog.tool(name, platform_vendor))
        return self._store.folder(found.identity)

    # --- libraries -------------------------------------------------------------------------

    async def _add_libraries(self, level: Sequence[Wanted]) -> list[Wanted]:
        """See that these libraries are there; what they depend on."""
        new: dict[str, Wanted] = {}
        for one in level:
            if one.name.lower() not in self._libraries:
                new.setdefault(one.name.lower(), one)
        folders = await _all([partial(self._library, one) for one in new.values()])
        there = {key: folder for key, folder in zip(new, folders, strict=True) if folder}
        self._libraries |= there
        needed = [await trio.to_thread.run_sync(depends.of, folder) for folder in there.values()]
        return [one for of_folder in needed for one in of_folder]

    async def _library(self, one: Wanted) -> Path | None:
        """A library; None: one that is depended on, and that is here already, in no index, or
        optional and not to be had now.
        """
        try:
            return await self._needed_library(one)
        except (Offline, DownloadFailed):
            if not one.optional:
                raise
            return None

    async def _needed_library(self, one: Wanted) -> Path | None:
        if one.source is not None:
            return await self._folder_by_url(one, LIBRARIES)
        if not one.is_dependency:
            return await self._library_of_index(one)
        if wanted.simple(one.name) in self._present or self._absent.has(one.name):
            return None
        try:
            return await self._library_of_index(one)
        except (Offline, DownloadFailed):
            if not self._absent.ever(one.name):
                raise
        except PackageNotFound as error:
            if error.fields()["reason"]:  # it is there, but in no version that would do
                raise
            self._absent.note(one.name)
        return None

    async def _library_of_index(self, one: Wanted) -> Path:
        found = await self._of_index(one, LIBRARIES, one.name, self._catalog.library)
        return self._store.folder(found.identity)

    # --- one package -----------------------------------------------------------------------

    async def _of_index(
        self, one: Wanted, vendor: str, name: str, find: Callable[[Wanted], Awaitable[Recipe]]
    ) -> Manifest:
        """An installed version that is allowed, else the newest of the indexes."""
        here = await trio.to_thread.run_sync(self._store.versions, one.kind, vendor, name)
        best = versions.best(here, one.constraint, lambda found: found.identity.version)
        if best is None:
            return await self._installer.install(await find(one))
        exact = Wanted(one.kind, one.name, best.identity.version)
        return await self._have(best.identity, lambda: find(exact))

    async def _folder_by_url(self, one: Wanted, vendor: str, name: str = "") -> Path:
        assert one.source is not None
        if one.source.form == "folder":
            return await trio.to_thread.run_sync(_own_folder, one, Path(one.source.url))
        identity = Identity(one.kind, vendor, name or one.name, version_of_url(str(one.source)))
        recipe = recipes.from_source(identity, one.source)

        async def find() -> Recipe:
            return recipe

        return self._store.folder((await self._have(identity, find)).identity)

    async def _have(self, identity: Identity, find: Callable[[], Awaitable[Recipe]]) -> Manifest:
        """One package as it must be; `find` is asked only if it is missing or damaged."""
        found, wrong = await self._installer.use(identity)
        if found is not None and not wrong:
            return found
        if wrong:
            self._on_progress(Progress(str(identity), "repairing", detail=wrong))
        return await self._installer.install(await find())


def _own_folder(one: Wanted, folder: Path) -> Path:
    if not folder.is_dir():
        raise PackageNotFound(str(one), searched=[str(folder)], hint=wanted.LIBRARY_FORMS)
    return folder


def _tool_name(text: str) -> ToolName:
    """Read what Recipe.requires has."""
    vendor, _, rest = text.partition(":")
    name, _, version = rest.partition("@")
    return ToolName(vendor, name, version)


async def _all(jobs: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """What the jobs give, in their order. The first error ends the others, and is raised."""
    results: dict[int, T] = {}
    failures: list[Exception] = []
    limit = trio.CapacityLimiter(_AT_ONCE)

    async def run(place: int, job: Callable[[], Awaitable[T]]) -> None:
        async with limit:
            try:
                results[place] = await job()
            except Exception as error:
                failures.append(error)
                nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for place, job in enumerate(jobs):
            nursery.start_soon(run, place, job)
    if failures:
        raise failures[0]
    return [results[place] for place in range(len(jobs))]
