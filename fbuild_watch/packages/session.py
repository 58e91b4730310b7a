"""What a project requires, made to be there: the room's one entrance for the pipeline and the CLI.

Rules
- What is installed and allowed by the requirement is used as it is: nobody is asked. A server is
  asked only when something is missing.
- A platform brings exactly the tools that it names. A library brings those in its
  library.properties' `depends`; one that no index has may be the core's own, and is left to it.
- The first requirement for a library decides its version.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from fbuild_watch.errors import DownloadFailed, Offline, PackageNotFound
from fbuild_watch.model import Installed
from fbuild_watch.packages import recipe as recipes
from fbuild_watch.packages import versions, wanted
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
from fbuild_watch.surroundings import environ

BY_URL_VENDOR = "url"
"""The vendor of tools that came by a bare URL."""

_PROPERTIES = "library.properties"
_DEPENDENCY = re.compile(r"\s*([^(]+?)\s*(?:\(([^)]*)\))?\s*")


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
                work = _Round(self.store, installer, catalog, on_progress)
                for one in requirements.packages:
                    await work.add(one)
                return work.result()


class _Round:
    """One call of `ensure`."""

    def __init__(
        self, store: Store, installer: Installer, catalog: Catalog, on_progress: OnProgress
    ) -> None:
        self._store = store
        self._installer = installer
        self._catalog = catalog
        self._on_progress = on_progress
        self._absent = Absent(store.places.absent)
        self._platforms: dict[str, Path] = {}
        self._tools: dict[str, Path] = {}
        self._libraries: dict[str, Path] = {}

    def result(self) -> Installed:
        """Everything that was added."""
        return Installed(self._platforms, self._tools, tuple(self._libraries.values()))

    async def add(self, one: Wanted) -> None:
        """See that a package is there, with what it needs."""
        match one.kind:
            case "platform":
                await self._add_platform(one)
            case "tool":
                self._tools[one.name] = await self._folder_by_url(one, BY_URL_VENDOR)
            case "library":
                await self._add_library(one)

    async def _add_platform(self, one: Wanted) -> None:
        vendor, _, arch = one.name.partition(":")
        if one.source is not None:
            self._platforms[one.name] = await self._folder_by_url(one, vendor, arch)
            return
        found = await self._of_index(one, vendor, arch, self._catalog.platform)
        self._platforms[one.name] = self._store.folder(found.identity)
        for text in found.requires:
            await self._add_tool(_tool_name(text), vendor)

    async def _add_tool(self, name: ToolName, platform_vendor: str) -> None:
        identity = Identity("tool", name.vendor, name.name, name.version)
        found = await self._have(identity, lambda: self._catalog.tool(name, platform_vendor))
        folder = self._store.folder(found.identity)
        self._tools.setdefault(name.name, folder)
        self._tools[f"{name.name}-{name.version}"] = folder

    async def _add_library(self, one: Wanted) -> None:
        key = one.name.lower()
        if key in self._libraries:
            return
        if one.source is not None:
            folder = await self._folder_by_url(one, LIBRARIES)
        else:
            found = await self._of_index(one, LIBRARIES, one.name, self._catalog.library)
            folder = self._store.folder(found.identity)
        self._libraries[key] = folder
        for needed in _depends(folder):
            await self._add_dependency(needed)

    async def _add_dependency(self, needed: Wanted) -> None:
        if self._absent.has(needed.name):
            return
        try:
            await self._add_library(needed)
        except (Offline, DownloadFailed):
            if not self._absent.ever(needed.name):
                raise
        except PackageNotFound as error:
            if error.fields()["reason"]:  # it is there, but in no version that would do
                raise
            self._absent.note(needed.name)

    # --- one package -----------------------------------------------------------------------

    async def _of_index(
        self, one: Wanted, vendor: str, name: str, find: Callable[[Wanted], Awaitable[Recipe]]
    ) -> Manifest:
        """An installed version that is allowed, else the newest of the indexes."""
        here = self._store.versions(one.kind, vendor, name)
        best = versions.best(here, one.constraint, lambda found: found.identity.version)
        if best is None:
            return await self._installer.install(await find(one))
        exact = Wanted(one.kind, one.name, best.identity.version)
        return await self._have(best.identity, lambda: find(exact))

    async def _folder_by_url(self, one: Wanted, vendor: str, name: str = "") -> Path:
        assert one.source is not None
        if one.source.form == "folder":
            return _own_folder(one, Path(one.source.url))
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


def _depends(folder: Path) -> list[Wanted]:
    """The libraries that a library's own properties name."""
    try:
        text = (folder / _PROPERTIES).read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return []
    lines = [line.partition("=") for line in text.splitlines()]
    named = next((value for key, _, value in lines if key.strip() == "depends"), "")
    matches = [_DEPENDENCY.fullmatch(part) for part in named.split(",") if part.strip()]
    return [
        Wanted("library", match[1], _constraint(match[2])) for match in matches if match is not None
    ]


def _constraint(text: str | None) -> str:
    """A constraint that cannot be read asks for nothing."""
    return text if text and versions.is_constraint(text) else ""
