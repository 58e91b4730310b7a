"""A finished build to an Image, and images from files. The edge of this room: reads and writes.

Rules
- A file in the build folder is written whole, and only when its content changed.
- An image is made again only when its ELF or a setting changed: `.images.json` keeps the digests
  of what went in and of what came out; without it everything is made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from blake3 import blake3

from fbuild_watch.errors import ImageError, ImageTooBig, InvalidImage, InvalidPartitions
from fbuild_watch.files import write_atomically, write_if_changed
from fbuild_watch.image import esp, flasher_args, partitions
from fbuild_watch.image.flasher_args import FlashFile
from fbuild_watch.image.regions import image_of, parse_placement
from fbuild_watch.model import BuildPlan, Image, Region

_CACHE = ".images.json"
_CACHE_VERSION = "1"
_UNITS = {"KB": 1 << 10, "MB": 1 << 20}


def make(plan: BuildPlan) -> Image:
    """Make every image of a finished build, and flasher_args.json. Blocks: call it in a thread.

    Raises InvalidImage, InvalidPartitions, ImageTooBig; ImageError where nothing can be written.
    """
    try:
        return _make(plan)
    except OSError as error:
        hint = "look at the disk's free space and at the folder's permissions"
        raise ImageError(f"the image cannot be written ({error})", hint=hint) from error


def _make(plan: BuildPlan) -> Image:
    maker = _Maker(plan)
    flash_size = _flash_size(plan)
    csv, table = _table(plan, flash_size)
    app = partitions.app_partition(table)
    if app is None:
        raise InvalidPartitions("there is no app partition", path=str(csv))
    regions = [
        Region("partitions", partitions.TABLE_OFFSET, partitions.encode(table)),
        Region("app", app.offset, maker.image(plan.elf, "firmware.bin")),
    ]
    if plan.bootloader_elf:
        data = maker.image(plan.bootloader_elf, "bootloader.bin")
        regions.append(Region("bootloader", plan.bootloader_offset, data))
        _check_bootloader(plan.bootloader_offset, len(data))
    _check_app(regions[1], app)
    image = image_of(regions, plan.chip, plan.elf)
    maker.finish(image)
    return image


def load_built(build_dir: Path) -> Image:
    """The image that was made last in a build folder. Raises InvalidImage."""
    path = build_dir / flasher_args.FILE_NAME
    args = flasher_args.decode(_read(path, "nothing was built here yet"), path)
    regions = [
        Region(file.name, file.offset, _read(build_dir / file.file, "a built file is missing"))
        for file in args.files
    ]
    elf = build_dir / "firmware.elf"
    return image_of(regions, args.chip, elf if elf.is_file() else None)


def from_files(placements: Sequence[str]) -> Image:
    """An image of plain files, each given as OFFSET=FILE. Raises InvalidImage."""
    placed = [parse_placement(text) for text in placements]
    regions = [Region(path.stem, offset, _read(path, "there is no such file"))
               for offset, path in placed]  # fmt: skip
    return image_of(regions, None, None)


@dataclass(frozen=True, slots=True)
class _Made:
    """An image file: the digest of all that went in, and of what came out."""

    inputs: str
    output: str


class _Maker:
    """Makes the image files of one plan, remembering those that are current."""

    def __init__(self, plan: BuildPlan) -> None:
        self._plan = plan
        self._folder = plan.environment.build_dir
        self._cached = _load_cache(self._folder / _CACHE)
        self._made: dict[str, _Made] = {}

    def image(self, elf: Path, name: str) -> bytes:
        """The image of an ELF, made or as it lies there; `name` is its file."""
        data = _read(elf, "the build has not made it")
        inputs = self._key(data)
        path = self._folder / name
        known = self._cached.get(name)
        if known and known.inputs == inputs and path.is_file():
            current = path.read_bytes()
            if _digest(current) == known.output:
                self._made[name] = known
                return current
        made = esp.elf_to_image(data, self._plan.chip, self._plan.flash, str(elf))
        write_atomically(path, made)
        self._made[name] = _Made(inputs, _digest(made))
        return made

    def finish(self, image: Image) -> None:
        """Write the partition table, flasher_args.json and the memory."""
        names = {"app": "firmware.bin"}
        files = tuple(
            FlashFile(region.name, region.offset, names.get(region.name, f"{region.name}.bin"))
            for region in image.regions
        )
        table = next(region for region in image.regions if region.name == "partitions")
        write_if_changed(self._folder / "partitions.bin", table.data)
        text = flasher_args.encode(files, self._plan.chip, self._plan.flash)
        write_if_changed(self._folder / flasher_args.FILE_NAME, text)
        write_if_changed(self._folder / _CACHE, msgspec.json.encode(self._made))

    def _key(self, elf: bytes) -> str:
        plan = self._plan
        settings = (_CACHE_VERSION, plan.chip, plan.flash.mode, plan.flash.freq, plan.flash.size)
        return _digest("\0".join(settings).encode() + b"\0" + elf)


def _load_cache(path: Path) -> dict[str, _Made]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, _Made])
    except (OSError, msgspec.DecodeError):
        return {}


def _table(plan: BuildPlan, flash_size: int) -> tuple[Path, tuple[partitions.Partition, ...]]:
    path = plan.partitions_csv
    if path is None:
        raise InvalidPartitions(
            "neither the project nor its core has a partition table",
            path=str(plan.environment.project_dir / "partitions.csv"),
            hint="add a partitions.csv to the project",
        )
    try:
        text = _read(path, "the partition table is missing").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidPartitions("this is not UTF-8 text", path=str(path)) from error
    return path, partitions.parse(text, str(path), flash_size)


def _flash_size(plan: BuildPlan) -> int:
    """The size of the flash in bytes, from esptool's way to write it ("4MB")."""
    text = plan.flash.size
    number, unit = text[:-2], text[-2:].upper()
    if unit not in _UNITS or not number.isdigit():
        hint = "set build.flash_size to a size such as 4MB"
        raise InvalidImage(f"{text!r} is no size of a flash", hint=hint)
    return int(number) * _UNITS[unit]


def _check_bootloader(offset: int, size: int) -> None:
    limit = partitions.TABLE_OFFSET - offset
    if size > limit:
        raise ImageTooBig("bootloader", size, limit, "the space below the partition table")


def _check_app(region: Region, app: partitions.Partition) -> None:
    if region.size > app.size:
        raise ImageTooBig("app", region.size, app.size, f"partition {app.name!r}")


def _digest(data: bytes) -> str:
    return blake3(data).hexdigest(16)


def _read(path: Path, missing: str, hint: str = "build the project first") -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InvalidImage(f"{path}: {missing}", hint=hint) from error
    except OSError as error:
        raise InvalidImage(f"{path}: {error.strerror or error}") from error
