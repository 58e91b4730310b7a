"""The project's `data/` folder as a LittleFS file system: regions of an asset partition.

littlefs (through littlefs-python, imported when the first file system is made) lays the files out;
the same files in a partition of the same size give the same bytes.

Rules
- The geometry is what esp_littlefs and the Arduino cores mount: blocks of one sector, names of 64
  bytes at most, version 2.0 of the disk format, which every library of theirs reads.
- Only the blocks that a reader of the whole file system looks at become regions. littlefs erases a
  block before it uses it, so what lies in the others is of no concern: they are neither erased,
  written nor asked for, however large the partition is.
- Names that start with a dot or end in `~` are not taken in (editors, version control, desktops).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from fbuild_watch.errors import ImageTooBig, InvalidImage
from fbuild_watch.model import SECTOR, Region

if TYPE_CHECKING:
    from littlefs import LittleFS, UserContext

NAME = "assets"
"""The region's name; where it comes in several pieces, the second is `assets.1`, and so on."""

_LAYOUT_VERSION = "1"
"""Raised when the same files are to give other bytes: part of `fingerprint`."""

_NAME_SIZE = 64
_GEOMETRY: dict[str, Any] = {
    "block_size": SECTOR,
    "read_size": 128,
    "prog_size": 128,
    "cache_size": 512,
    "lookahead_size": 128,
    "name_max": _NAME_SIZE,
    "disk_version": 0x00020000,
}
"""CONFIG_LITTLEFS_* defaults of esp_littlefs; a mount fails where they are larger than its own."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file, by its path in the file system: relative, with slashes."""

    path: str
    data: bytes = field(repr=False)


def read_folder(folder: Path) -> tuple[Asset, ...]:
    """Every file under `folder`, in the order of the paths. None where there is no folder.

    Raises InvalidImage for a file that cannot be read or a name that does not fit.
    """
    files = (path for path in folder.rglob("*") if path.is_file())
    named = sorted((path.relative_to(folder).as_posix(), path) for path in files)
    return tuple(
        Asset(_checked(name, path), _read(path)) for name, path in named if not _is_noise(name)
    )


def fingerprint(assets: Iterable[Asset], size: int) -> str:
    """What the regions are made from, in short: equal ones give equal regions."""
    hasher = blake3(f"{_LAYOUT_VERSION} {size}".encode())
    for asset in assets:
        name = asset.path.encode()
        hasher.update(len(name).to_bytes(4, "big") + name + len(asset.data).to_bytes(8, "big"))
        hasher.update(asset.data)
    return hasher.hexdigest(16)


def regions(assets: Sequence[Asset], offset: int, size: int, partition: str) -> tuple[Region, ...]:
    """The file system for a partition of `size` bytes at `offset`, without its unused blocks.

    Raises ImageTooBig when the files do not fit.
    """
    from littlefs import LittleFSError

    try:
        flash = _made(assets, size)
    except LittleFSError as error:
        if error.code != LittleFSError.Error.LFS_ERR_NOSPC:
            raise InvalidImage(
                f"the file system for {partition!r} was not made: {error}"
            ) from error
        needed = max(_least_size(assets), size + SECTOR)
        raise ImageTooBig(NAME, needed, size, f"partition {partition!r}") from error
    runs = _runs(_blocks_of_a_reader(assets, flash))
    return tuple(
        Region(
            f"{NAME}.{number}" if number else NAME,
            offset + first * SECTOR,
            bytes(flash[first * SECTOR : end * SECTOR]),
        )
        for number, (first, end) in enumerate(runs)
    )


def _made(assets: Sequence[Asset], size: int) -> bytearray:
    flash = bytearray(b"\xff") * (size // SECTOR * SECTOR)
    system = _system(_context(flash))
    system.format()
    system.mount()
    for asset in assets:
        folder = asset.path.rpartition("/")[0]
        if folder:
            system.makedirs(folder, exist_ok=True)
        with system.open(asset.path, "wb", buffering=0) as file:
            file.write(asset.data)
    system.unmount()
    return flash


def _blocks_of_a_reader(assets: Iterable[Asset], flash: bytearray) -> set[int]:
    """The blocks that are looked at when everything is read: a second pair of eyes on the image."""
    seen: set[int] = set()
    system = _system(_context(flash, seen))
    system.mount()
    for asset in assets:
        with system.open(asset.path, "rb", buffering=0) as file:
            if file.read(len(asset.data) + 1) != asset.data:
                raise InvalidImage(f"{asset.path} cannot be read back from the file system")
    system.unmount()
    return seen


def _system(context: UserContext) -> LittleFS:
    from littlefs import LittleFS

    count = len(context.buffer) // SECTOR
    return LittleFS(context, mount=False, block_count=count, **_GEOMETRY)


def _context(flash: bytearray, seen: set[int] | None = None) -> UserContext:
    """A memory for littlefs; `seen` collects the blocks that it reads."""
    from littlefs import UserContext

    class Memory(UserContext):
        def read(self, cfg: Any, block: int, off: int, size: int) -> bytearray:
            if seen is not None:
                seen.add(block)
            return flash[block * SECTOR + off : block * SECTOR + off + size]

        def prog(self, cfg: Any, block: int, off: int, data: bytes) -> int:
            flash[block * SECTOR + off : block * SECTOR + off + len(data)] = data
            return 0

    return Memory(buffer=flash)


def _runs(blocks: Iterable[int]) -> list[tuple[int, int]]:
    """Neighbouring blocks as (first, end), in order."""
    runs: list[tuple[int, int]] = []
    for block in sorted(blocks):
        if runs and runs[-1][1] == block:
            runs[-1] = (runs[-1][0], block + 1)
        else:
            runs.append((block, block + 1))
    return runs


def _least_size(assets: Iterable[Asset]) -> int:
    """The blocks of the files, and a pair for each folder."""
    folders, blocks = {""}, 0
    for asset in assets:
        folders.add(asset.path.rpartition("/")[0])
        blocks += -(-len(asset.data) // SECTOR)
    return (blocks + 2 * len(folders)) * SECTOR


def _is_noise(name: str) -> bool:
    return name.endswith("~") or any(part.startswith(".") for part in name.split("/"))


def _checked(name: str, path: Path) -> str:
    if any(len(part.encode()) > _NAME_SIZE for part in name.split("/")):
        hint = f"a name in the file system has {_NAME_SIZE} bytes at most"
        raise InvalidImage(f"{path}: its name is too long", hint=hint)
    return name


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidImage(f"{path}: {error.strerror or error}") from error
