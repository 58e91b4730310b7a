"""One package into the store: fetched, unpacked aside, sealed, renamed into its place.

Rules
- Under the package's install lock: of several processes one installs, the others wait and find it.
- What was killed in the middle left something aside only; the next one removes that.
- Before a package is used the first time by this process, its files are looked at; a damaged one
  is installed anew, and that is said.
"""

from __future__ import annotations

from pathlib import Path

import trio

from fbuild_watch.errors import InvalidArchive, Offline, UnsafeArchive
from fbuild_watch.packages import git, manifest
from fbuild_watch.packages.archive import unpack
from fbuild_watch.packages.fetch import Fetcher
from fbuild_watch.packages.identity import Identity
from fbuild_watch.packages.locks import Leases, changing
from fbuild_watch.packages.manifest import Manifest
from fbuild_watch.packages.progress import OnProgress, Progress
from fbuild_watch.packages.recipe import Recipe
from fbuild_watch.packages.resource import Resource
from fbuild_watch.packages.sources import Source
from fbuild_watch.packages.store import Store

BOARDS = "boards.txt"


class Installer:
    """Installs into one store with one fetcher."""

    def __init__(
        self,
        store: Store,
        leases: Leases,
        fetcher: Fetcher,
        on_progress: OnProgress,
        *,
        offline: bool,
        verify: bool = False,
    ) -> None:
        self._store = store
        self._leases = leases
        self._fetcher = fetcher
        self._on_progress = on_progress
        self._offline = offline
        self._verify = verify

    async def use(self, identity: Identity) -> tuple[Manifest | None, str]:
        """Take an installed package into use: its manifest, and what is wrong with it ("": nothing).

        Manifest None: it is not installed.
        """
        await self._leases.take(identity)
        return await trio.to_thread.run_sync(self._look, identity)

    async def install(self, recipe: Recipe) -> Manifest:
        """Install a package unless another process has done it by now. Raises PackageError
        and OSError.
        """
        identity = recipe.identity
        name = str(identity)
        waiting = Progress(name, "waiting", detail="another fbuild installs it")
        await self._leases.take(identity)
        async with changing(self._store, identity, lambda: self._on_progress(waiting)):
            found, wrong = await trio.to_thread.run_sync(self._look, identity)
            if found is not None and not wrong:
                return found
            if self._offline and not recipe.is_local:
                raise Offline(name, searched=[str(self._store.folder(identity)), recipe.url])
            return await self._install(identity, recipe)

    def _look(self, identity: Identity) -> tuple[Manifest | None, str]:
        found = self._store.manifest(identity)
        if found is None:
            return None, ""
        wrong = manifest.damage(self._store.folder(identity), found, full=self._verify)
        return found, wrong or ""

    async def _install(self, identity: Identity, recipe: Recipe) -> Manifest:
        aside = await trio.to_thread.run_sync(self._store.make_aside, identity)
        try:
            if isinstance(recipe.origin, Source):
                root, digests = await self._clone(identity, recipe.origin, aside)
            else:
                root, digests = await self._unpack(identity, recipe.origin, aside)
            _check_kind(identity, root)
            sealed = await trio.to_thread.run_sync(
                manifest.seal, root, identity, recipe.url, recipe.requires, digests,
                trio.from_thread.check_cancelled,
            )  # fmt: skip
            await trio.to_thread.run_sync(self._store.put, identity, root)
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(self._store.drop_aside, identity)
        where = str(self._store.folder(identity))
        self._on_progress(Progress(str(identity), "installed", detail=where))
        return sealed

    async def _clone(
        self, identity: Identity, source: Source, aside: Path
    ) -> tuple[Path, dict[str, str]]:
        self._on_progress(Progress(str(identity), "cloning", detail=str(source)))
        await git.clone(source, aside, package=str(identity))
        return aside, {}

    async def _unpack(
        self, identity: Identity, resource: Resource, aside: Path
    ) -> tuple[Path, dict[str, str]]:
        part = self._store.places.downloads / identity.slug
        archive = await self._fetcher.download(resource, part)
        self._on_progress(Progress(str(identity), "unpacking"))
        label = f"{identity} ({resource.url})"
        try:
            root, files = await trio.to_thread.run_sync(
                lambda: unpack(archive, aside, label=label, check=trio.from_thread.check_cancelled)
            )
        except (UnsafeArchive, InvalidArchive):
            _drop(part)  # nobody wants to have it again
            raise
        _drop(part)
        return root, {file.path: file.blake3 for file in files}


def _drop(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_name(f"{part.name}.json").unlink(missing_ok=True)


def _check_kind(identity: Identity, root: Path) -> None:
    if identity.kind == "platform" and not (root / BOARDS).is_file():
        raise InvalidArchive(str(identity), f"it is no core for Arduino: there is no {BOARDS}")
