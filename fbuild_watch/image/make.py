"""A finished build to an Image, and images from files. The edge of this room: reads and writes.

Rules
- A file in the build folder is written whole, and only when its content changed.
- An image is made again only when its ELF (the asset regions: their files) or a setting changed:
  `.images.json` keeps the digests of what went in and of what came out; without it everything is
  made again.
- A project without a data folder has no asset region, and pays nothing for it; once it had one,
  an empty file system takes the place of the files that went.
- Where the table has OTA data, that is a region too: else an update of before starts another app.
- What a core's own upload writes beside table and app (its bootloader, a UF2 loader) is taken as the
  core has made it. A core whose upload writes no table (ESP8266) has all of its files taken so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, replace
from pathlib import Path

import msgspec
from blake3 import blake3

from fbuild_watch.errors import ImageError, InvalidImage, InvalidPartitions
from fbuild_watch.image import assets, esp, flasher_args, partitions
from fbuild_watch.image.flasher_args import FlashFile
from fbuild_watch.image.regions import (
    check_sizes,
    image_of,
    merged,
    named_after_files,
    parse_placement,
)
from fbuild_watch.model import BuildPlan, FlashSettings, Image, Region, UploadRecipe
from fbuild_watch.outputs import make_folder
from fbuild_watch.system.files import write_atomically, write_if_changed

_CACHE = ".images.json"
_CACHE_VERSION = "1"
_TOOL_BUILD = "upload.json"
_APP = "app"
_OTA_DATA = "ota_data"
_BOOT_APP0 = "boot_app0.bin"
_UNITS = {"KB": 1 << 10, "MB": 1 << 20}
_LARGEST_FLASH = 256 << 20
"""Of the sizes that esptool knows, in bytes: what is larger is no region, and may be /dev/zero."""


class _ToolBuild(msgspec.Struct, frozen=True):
    """What a core's own program uploads, kept for `load_built`."""

    files: tuple[str, ...]
    elf: str
    upload: UploadRecipe | None


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
    if plan.chip is None:
        return _of_artifacts(plan)
    maker = _Maker(plan, plan.chip)
    has_table = not plan.flash_files or any(_is_table(path) for _, path in plan.flash_files)
    regions, table = _with_table(maker, plan) if has_table else (maker.as_uploaded(), ())
    check_sizes(regions, table)
    image = image_of(regions, plan.chip, plan.elf)
    maker.finish(image)
    return image


def _with_table(
    maker: _Maker, plan: BuildPlan
) -> tuple[list[Region], tuple[partitions.Partition, ...]]:
    csv, table = _table(plan, _flash_size(plan))
    app = partitions.app_partition(table)
    if app is None:
        raise InvalidPartitions("there is no app partition", path=str(csv))
    regions = [
        Region("partitions", partitions.TABLE_OFFSET, partitions.encode(table)),
        maker.app(app.offset),
    ]
    if plan.bootloader_elf:
        settings = replace(plan.flash, elf_sha256_offset=None)
        loader = maker.image(plan.bootloader_elf, "bootloader", plan.bootloader_offset, settings)
        regions.append(loader)
    regions += maker.core_files()
    regions += _ota_data(plan, table)
    regions += _assets(maker, plan, csv, table)
    return regions, table


def _is_table(path: Path) -> bool:
    return path.name.endswith("partitions.bin")


def _of_artifacts(plan: BuildPlan) -> Image:
    """The image for a board that its core's own program uploads to: no regions, a name."""
    files = tuple(str(file) for file in plan.artifacts or (plan.elf,))
    built = _ToolBuild(files, str(plan.elf), plan.upload)
    write_if_changed(plan.environment.build_dir / _TOOL_BUILD, msgspec.json.encode(built))
    return _tool_image(built)


def _tool_image(built: _ToolBuild) -> Image:
    digests = [_digest(_read(Path(file), "the build has not made it")) for file in built.files]
    build_id = _digest("".join(digests).encode())[:8]
    return Image((), None, Path(built.elf), build_id=build_id, upload=built.upload)


def _read_tool_build(path: Path) -> _ToolBuild:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_ToolBuild)
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidImage(f"{path} cannot be read: {error}", hint="build it again") from error


def load_built(build_dir: Path) -> Image:
    """The image that was made last in a build folder. Raises InvalidImage."""
    path = build_dir / flasher_args.FILE_NAME
    if not path.exists() and (build_dir / _TOOL_BUILD).exists():
        return _tool_image(_read_tool_build(build_dir / _TOOL_BUILD))
    args = flasher_args.decode(_read(path, "nothing was built here yet"), path)
    regions = [
        Region(file.name, file.offset, _read(build_dir / file.file, "a built file is missing"))
        for file in args.files
    ]
    check_sizes(regions, _table_of(regions, path))
    return image_of(regions, args.chip, elf_in(build_dir))


def elf_in(build_dir: Path) -> Path | None:
    """The ELF that lies in a build folder of ours."""
    elf = build_dir / "firmware.elf"
    return elf if elf.is_file() else None


def write_merged(image: Image, build_dir: Path) -> Path:
    """Write all regions as one file for offset 0, `merged.bin`; the file. Raises ImageError.

    On demand only: it is as large as the flash up to its last region, and no step needs it.
    """
    path = build_dir / "merged.bin"
    try:
        make_folder(build_dir)  # what another program builds need not have one
        write_if_changed(path, merged(image))
    except OSError as error:
        raise ImageError(f"{path} cannot be written ({error})") from error
    return path


def from_files(placements: Sequence[str]) -> Image:
    """An image of plain files, each given as OFFSET=FILE. Raises InvalidImage."""
    placed = [parse_placement(text) for text in placements]
    missing = "there is no such file", "name a file that is there"
    files = ((offset, path, _read(path, *missing)) for offset, path in placed)
    return image_of(named_after_files(files), None, None)


class _Made(msgspec.Struct, frozen=True):
    """A product: the digest of all that went in; for each region its offset and its digest."""

    inputs: str
    outputs: dict[str, tuple[int, str]]


class _Maker:
    """Makes the image files of one plan, remembering those that are current."""

    def __init__(self, plan: BuildPlan, chip: str) -> None:
        self._plan = plan
        self._chip = chip
        self._folder = plan.environment.build_dir
        self._cached = _load_cache(self._folder / _CACHE)
        self._made: dict[str, _Made] = {}
        self._files: dict[str, str] = {}
        """Of what the core's upload writes: region -> file."""

    def app(self, offset: int) -> Region:
        """The app, for `offset`: made of the ELF, or what a step has made of it."""
        if self._plan.app_from_elf:
            return self.image(self._plan.elf, _APP, offset, self._plan.flash)
        return Region(_APP, offset, _read(self._folder / _file(_APP), "the build has not made it"))

    def as_uploaded(self) -> list[Region]:
        """All that the core's own upload writes."""
        app = self._folder / _file(_APP)
        placed = self._plan.flash_files
        return [*(self.app(offset) for offset, path in placed if path == app), *self.core_files()]

    def core_files(self) -> list[Region]:
        """What the core's own upload writes beside the app, the table and what goes with that."""
        app = self._folder / _file(_APP)
        others = [
            (offset, path)
            for offset, path in self._plan.flash_files
            if not (path == app or _is_table(path) or path.name == _BOOT_APP0)
        ]
        return [self._core_file(offset, path) for offset, path in others]

    def _core_file(self, offset: int, path: Path) -> Region:
        name = path.stem.removeprefix("firmware.")
        inside = path.is_relative_to(self._folder)
        self._files[name] = str(path.relative_to(self._folder) if inside else path)
        return Region(
            name, offset, _read(path, "neither the core has it nor the build has made it")
        )

    def image(self, elf: Path, name: str, offset: int, flash: FlashSettings) -> Region:
        """The image of an ELF, for `offset`."""
        data = _read(elf, "the build has not made it")
        settings = "\0".join((_CACHE_VERSION, self._chip, *map(str, astuple(flash))))
        inputs = _digest(settings.encode() + b"\0" + data)

        def make() -> tuple[Region, ...]:
            image = esp.elf_to_image(data, self._chip, flash, str(elf))
            return (Region(name, offset, image),)

        return replace(self.regions(name, inputs, make)[0], offset=offset)

    def regions(
        self, product: str, inputs: str, make: Callable[[], tuple[Region, ...]]
    ) -> tuple[Region, ...]:
        """What `make` makes from these inputs: made now, or as it lies in the folder."""
        known = self._cached.get(product)
        regions = self._load(known) if known and known.inputs == inputs else None
        if regions is None:
            regions = make()
            for region in regions:
                write_atomically(self._folder / _file(region.name), region.data)
        outputs = {region.name: (region.offset, _digest(region.data)) for region in regions}
        self._made[product] = _Made(inputs, outputs)
        return regions

    def _load(self, known: _Made) -> tuple[Region, ...] | None:
        """The regions that were made before; None when a file is not as it was left."""
        regions = []
        for name, (offset, digest) in known.outputs.items():
            try:
                data = (self._folder / _file(name)).read_bytes()
            except OSError:
                return None
            if _digest(data) != digest:
                return None
            regions.append(Region(name, offset, data))
        return tuple(regions)

    def has_made(self, product: str) -> bool:
        """Whether this was a part of the image that lies in the folder."""
        return product in self._cached

    def finish(self, image: Image) -> None:
        """Write the partition table, flasher_args.json and the memory; remove what is outdated."""
        files = tuple(
            FlashFile(
                region.name, region.offset, self._files.get(region.name) or _file(region.name)
            )
            for region in image.regions
        )
        for region in image.regions:
            if region.name in ("partitions", _OTA_DATA) and region.name not in self._files:
                write_if_changed(self._folder / _file(region.name), region.data)
        text = flasher_args.encode(files, self._chip, self._plan.flash)
        write_if_changed(self._folder / flasher_args.FILE_NAME, text)
        write_if_changed(self._folder / _CACHE, msgspec.json.encode(self._made))
        current = {region.name for region in image.regions}
        for name in _outputs(self._cached) - _outputs(self._made) - current:
            (self._folder / _file(name)).unlink(missing_ok=True)


def _file(region: str) -> str:
    return "firmware.bin" if region == _APP else f"{region}.bin"


def _outputs(made: Mapping[str, _Made]) -> set[str]:
    return {name for product in made.values() for name in product.outputs}


def _load_cache(path: Path) -> dict[str, _Made]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, _Made])
    except (OSError, msgspec.DecodeError):
        return {}


def _ota_data(plan: BuildPlan, table: tuple[partitions.Partition, ...]) -> tuple[Region, ...]:
    """What has the bootloader start the app that was flashed; none without OTA data.

    It is the core's boot_app0.bin, which names the first slot; without one, and where the app goes
    to `factory`, erased sectors: then the bootloader takes factory, else the first slot.
    """
    place, app = partitions.ota_partition(table), partitions.app_partition(table)
    if place is None:
        return ()
    data = b"\xff" * place.size
    core = next((file.parent for file in plan.read_from if file.name == "boards.txt"), None)
    if core is not None and app is not None and not app.is_factory:
        path = core / "tools" / "partitions" / _BOOT_APP0
        data = _read(path, "it is gone").ljust(place.size, b"\xff") if path.is_file() else data
    return (Region(_OTA_DATA, place.offset, data),)


def _assets(
    maker: _Maker, plan: BuildPlan, csv: Path, table: tuple[partitions.Partition, ...]
) -> tuple[Region, ...]:
    """The file system of the data folder; none where there is and was none."""
    folder = plan.environment.data_dir
    there = folder is not None and folder.is_dir()
    files = assets.read_folder(folder) if folder and there else ()
    if not there and not maker.has_made(assets.NAME):
        return ()
    place = partitions.asset_partition(table)
    if place is None and not files:
        return ()
    if place is None:
        hint = (
            f"add a line such as: storage, data, littlefs, , 1M   (it gets the files of {folder})"
        )
        raise InvalidPartitions("no partition is for files", path=str(csv), hint=hint)
    return maker.regions(
        assets.NAME,
        f"{place.offset} {assets.fingerprint(files, place.size)}",
        lambda: assets.regions(files, place.offset, place.size, place.name),
    )


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
    table = partitions.parse(text, str(path), flash_size, plan.bootloader_offset)
    return path, table


def _table_of(regions: Sequence[Region], path: Path) -> tuple[partitions.Partition, ...]:
    """The partition table among these regions; empty where there is none."""
    table = next((region for region in regions if region.name == "partitions"), None)
    return partitions.decode(table.data, str(path)) if table else ()


def _flash_size(plan: BuildPlan) -> int:
    """The size of the flash in bytes, from esptool's way to write it ("4MB")."""
    text = plan.flash.size
    number, unit = text[:-2], text[-2:].upper()
    if unit not in _UNITS or not number.isdigit():
        hint = "set build.flash_size to a size such as 4MB"
        raise InvalidImage(f"{text!r} is no size of a flash", hint=hint)
    return int(number) * _UNITS[unit]


def _digest(data: bytes) -> str:
    return blake3(data).hexdigest(16)


def _read(path: Path, missing: str, hint: str = "build the project first") -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FLASH + 1)
    except FileNotFoundError as error:
        raise InvalidImage(f"{path}: {missing}", hint=hint) from error
    except OSError as error:
        raise InvalidImage(f"{path}: {error.strerror or error}") from error
    if len(data) > _LARGEST_FLASH:
        raise InvalidImage(f"{path} is larger than any flash ({_LARGEST_FLASH:#x})", hint=hint)
    return data
