"""The installed packages on disk: which there are, putting one in its place, taking one away.

Rules
- A package appears and disappears whole, by rename. It is there when its manifest is.
- Two kernel locks for each package, which die with their owner: whoever changes it holds the
  `install` lock alone; whoever uses it shares the `use` lock, and that file's time is when it was
  last used. Removing takes both alone and waits for neither.
- What fbuild did not install is not touched.

Synchronous; waiting for a lock is the caller's (`installer.py`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from fbuild_watch.errors import StoreUnusable
from fbuild_watch.packages import manifest as manifests
from fbuild_watch.packages.identity import BY_URL, Identity, Kind, shelf
from fbuild_watch.packages.manifest import Manifest
from fbuild_watch.packages.places import StorePlaces
from fbuild_watch.system.kernel_lock import open_lock_file, try_exclusive

_DAY_S = 86400.0


@contextlib.contextmanager
def usable(places: StorePlaces) -> Iterator[None]:
    """Turn what the file system says into StoreUnusable, with the path it was said of."""
    try:
        yield
    except OSError as error:
        where = str(error.filename or places.root)
        raise StoreUnusable(where, error.strerror or str(error)) from error


class Store:
    """The packages of one user."""

    def __init__(self, places: StorePlaces) -> None:
        self.places = places

    def folder(self, identity: Identity) -> Path:
        """Where a package is, or would be."""
        return self.places.root / identity.place

    def manifest(self, identity: Identity) -> Manifest | None:
        """The record of an installed package; None: it is not installed.

        Raises StoreUnusable where something lies that fbuild did not install.
        """
        folder = self.folder(identity)
        found = manifests.read(folder)
        if found is None and folder.is_dir() and any(folder.iterdir()):
            raise StoreUnusable(
                str(folder), "it was not installed by fbuild", hint="move it away, or remove it"
            )
        return found

    def versions(self, kind: Kind, vendor: str, name: str) -> list[Manifest]:
        """Every version of a package that was installed from an index.

        Names of libraries are compared without regard to capitals, as people write them.
        """
        shelves = [self.places.root / shelf(kind, vendor, name)]
        if kind == "library":
            own = shelves[0]
            shelves = [
                path for path in own.parent.glob("*") if path.name.lower() == own.name.lower()
            ]
        found = _manifests([path for one in shelves for path in sorted(one.glob("*"))])
        return [one for one in found if not one.identity.version.startswith(BY_URL)]

    def all(self) -> list[Manifest]:
        """Everything that is installed."""
        root = self.places.root
        patterns = ("packages/*/hardware/*/*", "packages/*/tools/*/*", "libraries/*/*")
        return _manifests([path for pattern in patterns for path in sorted(root.glob(pattern))])

    def lock_file(self, identity: Identity, purpose: str) -> int:
        """A descriptor of a package's lock file: purpose "install" or "use"."""
        self.places.locks.mkdir(parents=True, exist_ok=True)
        return open_lock_file(self.lock_path(identity, purpose))

    def make_aside(self, identity: Identity) -> Path:
        """A new folder to unpack into; what a killed process left there is removed.

        Under the package's install lock.
        """
        aside = self.places.aside / identity.slug
        _remove_tree(aside)
        aside.mkdir(parents=True)
        return aside

    def drop_aside(self, identity: Identity) -> None:
        """Remove what is left of an installation."""
        _remove_tree(self.places.aside / identity.slug)

    def put(self, identity: Identity, root: Path) -> None:
        """Let the sealed folder `root` be the package. Under its install lock."""
        folder = self.folder(identity)
        self._take_away(identity)
        folder.parent.mkdir(parents=True, exist_ok=True)
        root.rename(folder)
        manifests.sync(folder.parent)

    def last_used(self, manifest: Manifest) -> float:
        """When somebody last used a package (seconds since the epoch)."""
        try:
            used = self.lock_path(manifest.identity, "use").stat().st_mtime
        except FileNotFoundError:
            used = 0.0
        return max(used, manifest.installed_at)

    def remove(self, identity: Identity) -> bool:
        """Remove a package unless it is in use; whether it was removed. Raises StoreUnusable."""
        with usable(self.places), self._alone(identity) as alone:
            if alone:
                self._take_away(identity)
                self.drop_aside(identity)
            return alone

    def collect(self, unused_days: float) -> list[Manifest]:
        """Remove what nobody used for so long and nobody uses now, and old leftovers."""
        limit = time.time() - unused_days * _DAY_S
        old = [found for found in self.all() if self.last_used(found) < limit]
        removed = [found for found in old if self.remove(found.identity)]
        with usable(self.places):
            self._collect_leftovers(limit)
        return removed

    def _collect_leftovers(self, limit: float) -> None:
        for folder in (self.places.aside, self.places.downloads, self.places.indexes):
            for path in folder.glob("*"):
                if path.lstat().st_mtime < limit:
                    _remove_tree(path)

    def _take_away(self, identity: Identity) -> None:
        """The folder vanishes at once; its files are removed after that."""
        folder = self.folder(identity)
        grave = self.places.aside / f"{identity.slug}~old"
        _remove_tree(grave)
        if folder.exists():
            grave.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(grave)
            _remove_tree(grave)
        with contextlib.suppress(OSError):  # others may lie there
            for parent in folder.relative_to(self.places.root).parents[:-1]:
                (self.places.root / parent).rmdir()

    @contextlib.contextmanager
    def _alone(self, identity: Identity) -> Iterator[bool]:
        fds = [self.lock_file(identity, purpose) for purpose in ("install", "use")]
        try:
            yield all(try_exclusive(fd) for fd in fds)
        finally:
            for fd in fds:
                os.close(fd)

    def lock_path(self, identity: Identity, purpose: str) -> Path:
        """Where a package's lock file is."""
        return self.places.locks / f"{identity.slug}.{purpose}"


def _manifests(folders: list[Path]) -> list[Manifest]:
    return [found for folder in folders if (found := manifests.read(folder)) is not None]


def _remove_tree(path: Path) -> None:
    """Remove a folder or a file; that there is none is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
