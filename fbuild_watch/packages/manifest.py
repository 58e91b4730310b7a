"""What a package was when it was installed: every file with its size, time and BLAKE3.

The record lies in the package's own folder and appears with it. A look at sizes and times says
within milliseconds whether all is as it was; a file whose time differs is read before it is
called damaged. Files that came later (a user's platform.local.txt) are nobody's damage.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
from blake3 import blake3

from fbuild_watch.model import PACKAGE_RECORD
from fbuild_watch.packages.identity import Identity
from fbuild_watch.system.files import write_atomically

_FORMAT = 1


class InstalledFile(msgspec.Struct, array_like=True, frozen=True):
    """A regular file; `mtime` in nanoseconds."""

    path: str
    size: int
    mtime: int
    blake3: str


class Manifest(msgspec.Struct, frozen=True):
    """An installed package."""

    identity: Identity
    source: str
    """The URL that it came from."""
    installed_at: float
    requires: tuple[str, ...]
    """The tools of a platform, as vendor:name@version."""
    files: tuple[InstalledFile, ...]
    links: dict[str, str]
    """Symbolic links and where they lead."""
    format: int = _FORMAT

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def seal(
    root: Path,
    identity: Identity,
    source: str,
    requires: Iterable[str],
    digests: Mapping[str, str],
    check: Callable[[], None] = lambda: None,
) -> Manifest:
    """Record the folder as it is, and see it and all it holds on the disk (fsync).

    `digests`: BLAKE3 of those files that somebody has read already.
    """
    files: list[InstalledFile] = []
    links: dict[str, str] = {}
    for path in sorted(_entries(root)):
        check()
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            links[name] = str(path.readlink())
        elif name != PACKAGE_RECORD:
            found = path.stat()
            digest = digests.get(name) or _blake3(path)
            files.append(InstalledFile(name, found.st_size, found.st_mtime_ns, digest))
            sync(path)
    manifest = Manifest(identity, source, time.time(), tuple(requires), tuple(files), links)
    write_atomically(root / PACKAGE_RECORD, msgspec.json.encode(manifest))
    sync(root / PACKAGE_RECORD)
    for folder, _, _ in os.walk(root):
        sync(Path(folder))
    return manifest


def read(root: Path) -> Manifest | None:
    """The record of a folder; None where there is none that can be read."""
    try:
        manifest = msgspec.json.decode((root / PACKAGE_RECORD).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return manifest if manifest.format == _FORMAT else None


def damage(root: Path, manifest: Manifest, *, full: bool) -> str | None:
    """What is wrong with a package, in words; None: nothing. `full`: every byte is read."""
    for file in manifest.files:
        path = root / file.path
        try:
            found = path.lstat()
        except OSError:
            return f"{file.path} is missing"
        if found.st_size != file.size:
            return f"{file.path} has {found.st_size:,} bytes, not {file.size:,}"
        if (full or found.st_mtime_ns != file.mtime) and _blake3(path) != file.blake3:
            return f"{file.path} is not what was installed"
    for name, target in manifest.links.items():
        path = root / name
        if not path.is_symlink() or str(path.readlink()) != target:
            return f"the link {name} is not what was installed"
    return None


def sync(path: Path) -> None:
    """See a file or a folder on the disk; where a folder cannot be opened (Windows), it need not."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _entries(root: Path) -> Iterator[Path]:
    """Every file and link; links are not followed."""
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        yield from (here / name for name in names)
        yield from (here / name for name in folders if (here / name).is_symlink())


def _blake3(path: Path) -> str:
    hasher = blake3()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()
