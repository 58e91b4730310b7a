"""The indexes that one round of installing looks at, each read once, and what they offer.

Rules
- Package indexes that a project names are looked at before those that are known for a vendor. A
  library index that it names (`library_index*`) takes the place of Arduino's.
- An index that cannot be had is passed over; it is an error only if no other has the package.
- The tools of a core that comes by URL stand in no index; the template of one, which its repository
  often holds, names them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeVar

import trio

from fbuild_watch.errors import DownloadFailed, InvalidIndex, Offline, PackageNotFound
from fbuild_watch.packages import (
    hosts,
    known,
    library_index,
    package_index,
    sources,
    versions,
    wanted,
)
from fbuild_watch.packages.fetch import Fetcher
from fbuild_watch.packages.identity import LIBRARIES, Identity
from fbuild_watch.packages.index_cache import IndexCache
from fbuild_watch.packages.library_index import LibraryIndex
from fbuild_watch.packages.package_index import PackageIndex, PlatformRelease, ToolName
from fbuild_watch.packages.recipe import Recipe
from fbuild_watch.packages.wanted import Wanted

_MOST_NAMES = 12
_IN_REPOSITORY = "package/package_*index*.json"
_PLATFORM_HINT = (
    "name its index in custom_fbuild_index = URL (the package_*_index.json that its makers publish)"
)

T = TypeVar("T")
IndexT = TypeVar("IndexT", PackageIndex, LibraryIndex)


class Catalog:
    """The indexes that a project names, and those of the field that are known."""

    def __init__(
        self, cache: IndexCache, fetcher: Fetcher, named: Iterable[str], *, store: str
    ) -> None:
        self._cache = cache
        self._fetcher = fetcher
        self._store = store
        """Where installed packages were looked for, for words."""
        urls = tuple(named)
        own = [url for url in urls if _is_library_index(url)]
        self._library_urls = own or [known.LIBRARIES]
        self._package_urls = [url for url in urls if not _is_library_index(url)]
        self._packages: dict[str, PackageIndex] = {}
        self._libraries: dict[str, LibraryIndex] = {}
        self._reading: dict[str, trio.Event] = {}
        """The indexes that are being read: who wants one of them waits, and finds it read."""
        self.host = hosts.this_host()

    async def platform(self, one: Wanted) -> Recipe:
        """The newest allowed version of a platform. Raises PackageNotFound and what loading does."""
        vendor, _, arch = one.name.partition(":")
        urls = self._urls(vendor)

        def look(index: PackageIndex) -> tuple[PackageIndex, PlatformRelease] | None:
            releases = index.platforms(vendor, arch)
            best = versions.best(releases, one.constraint, lambda release: release.version)
            return (index, best) if best else None

        found = await self._search(urls, self._package_index, look, str(one))
        if found is None:
            raise PackageNotFound(str(one), searched=urls, reason=self._seen(vendor, arch),
                                  hint=_PLATFORM_HINT)  # fmt: skip
        index, best = found
        identity = Identity("platform", vendor, arch, best.version)
        resource = index.resource(str(identity), best.archive)
        return Recipe(identity, resource, tuple(str(tool) for tool in best.tools))

    async def tool(self, name: ToolName, platform_vendor: str) -> Recipe:
        """The build of a tool for this machine. Raises as `platform` does."""
        urls = self._urls(name.vendor, platform_vendor)
        found = await self._search(
            urls, self._package_index, lambda index: index.tool(name, self.host), f"tool {name}"
        )
        if found is None:
            builds = [host for index in self._packages.values() for host in index.hosts_of(name)]
            reason = f"it is built for {', '.join(builds)}, not for {self.host}" if builds else ""
            hint = "another version of the platform may have one; or name a tool: NAME @ URL"
            raise PackageNotFound(f"tool {name}", searched=urls, reason=reason, hint=hint)
        return Recipe(Identity("tool", name.vendor, name.name, name.version), found)

    async def tools_of_core(self, folder: Path, arch: str) -> tuple[str, ...]:
        """What the index in a core's own folder says that it needs; nothing where there is none."""
        found = await trio.to_thread.run_sync(lambda: sorted(folder.glob(_IN_REPOSITORY)))
        for url in (path.absolute().as_uri() for path in found):
            with contextlib.suppress(InvalidIndex):  # it is a template, and may not be JSON yet
                index = await self._package_index(url, folder.name)
                if tools := index.tools_of(arch):
                    self._package_urls.append(url)
                    return tuple(str(tool) for tool in tools)
        return ()

    async def library(self, one: Wanted) -> Recipe:
        """The newest allowed version of a library. Raises as `platform` does."""
        urls = self._library_urls

        def look(index: LibraryIndex) -> Recipe | None:
            releases = index.releases(one.name)
            best = versions.best(releases, one.constraint, lambda release: release.version)
            if best is None:
                return None
            identity = Identity("library", LIBRARIES, best.name, best.version)
            return Recipe(identity, index.resource(best))

        found = await self._search(urls, self._library_index, look, str(one))
        if found is None:
            there = [release.version for index in self._libraries.values()
                     for release in index.releases(one.name)]  # fmt: skip
            raise PackageNotFound(
                str(one), searched=urls, reason=_versions(there), hint=wanted.LIBRARY_FORMS
            )
        return found

    def _urls(self, *vendors: str) -> list[str]:
        more = [url for vendor in vendors for url in known.indexes_for(vendor)]
        return list(dict.fromkeys([*self._package_urls, *more]))

    async def _search(
        self,
        urls: Iterable[str],
        load: Callable[[str, str], Awaitable[IndexT]],
        look: Callable[[IndexT], T | None],
        name: str,
    ) -> T | None:
        """What the first index has that has it; None where none of them has."""
        failed: DownloadFailed | None = None
        missing: list[str] = []
        for url in urls:
            try:
                index = await load(url, name)
            except DownloadFailed as error:
                failed = failed or error
                continue
            except Offline as error:
                missing += error.fields()["searched"]
                continue
            if (found := look(index)) is not None:
                return found
        if failed:
            raise failed
        if missing:
            raise Offline(name, searched=[self._store, *missing])
        return None

    async def _package_index(self, url: str, name: str) -> PackageIndex:
        return await self._once(self._packages, url, name, package_index.parse)

    async def _library_index(self, url: str, name: str) -> LibraryIndex:
        return await self._once(self._libraries, url, name, library_index.parse)

    async def _once(
        self, known: dict[str, T], url: str, name: str, parse: Callable[[bytes, str], T]
    ) -> T:
        while url in self._reading:
            await self._reading[url].wait()
        if url not in known:
            done = self._reading[url] = trio.Event()
            try:
                known[url] = await self._read(url, name, parse)
            finally:
                del self._reading[url]
                done.set()
        return known[url]

    async def _read(self, url: str, name: str, parse: Callable[[bytes, str], T]) -> T:
        try:
            data = await self._cache.read(url, self._fetcher, wanted=name)
            return await trio.to_thread.run_sync(parse, data, url)
        except InvalidIndex:
            self._cache.forget(url)
            raise

    def _seen(self, vendor: str, arch: str) -> str:
        """What the indexes have in its stead, in words."""
        indexes = self._packages.values()
        there = [release.version for index in indexes for release in index.platforms(vendor, arch)]
        if there:
            return _versions(there)
        names = sorted({name for index in indexes for name in index.names()})
        return f"they have {', '.join(names[:_MOST_NAMES])}" if names else ""


def _versions(there: list[str]) -> str:
    newest = sorted(set(there), key=versions.key, reverse=True)
    return f"there are the versions {', '.join(newest[:_MOST_NAMES])}" if newest else ""


def _is_library_index(url: str) -> bool:
    return sources.file_name(url).startswith("library_index")
