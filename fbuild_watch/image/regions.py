"""Regions put together to an Image: no two overlap, and the whole has a name. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from blake3 import blake3

from fbuild_watch.errors import ImageTooBig, InvalidImage
from fbuild_watch.image.partitions import TABLE_OFFSET, Partition
from fbuild_watch.model import Image, Region


def image_of(regions: Iterable[Region], chip: str | None, elf: Path | None) -> Image:
    """An Image with its regions in the order of their offsets. Raises InvalidImage on an overlap."""
    ordered = tuple(sorted(regions, key=lambda region: region.offset))
    for lower, upper in pairwise(ordered):
        if lower.offset + lower.size > upper.offset:
            raise InvalidImage(
                f"{lower.name} at {lower.offset:#x} is {lower.size:,} bytes and runs into "
                f"{upper.name} at {upper.offset:#x}",
                hint="give one of them another offset",
            )
    return Image(ordered, chip=chip, elf=elf, build_id=_build_id(ordered))


def check_sizes(regions: Iterable[Region], table: Sequence[Partition]) -> None:
    """Refuse a region that is larger than the room at its place. Raises ImageTooBig.

    The room of a region in a partition ends with the partition; that of one below the partition
    table, with the table's start. What lies outside of all partitions is not looked at.
    """
    for region in regions:
        place = next((part for part in table if part.offset <= region.offset < part.end), None)
        if place is not None:
            _check_room(region, place.end, f"partition {place.name!r}")
        elif table and region.offset < TABLE_OFFSET:
            _check_room(region, TABLE_OFFSET, "the space below the partition table")


def _check_room(region: Region, end: int, name: str) -> None:
    limit = end - region.offset
    if region.size > limit:
        raise ImageTooBig(region.name, region.size, limit, name)


def merged(image: Image) -> bytes:
    """One file for offset 0, as `esptool merge-bin` makes it: FF between the regions."""
    end = max((region.offset + region.size for region in image.regions), default=0)
    flash = bytearray(b"\xff") * end
    for region in image.regions:
        flash[region.offset : region.offset + region.size] = region.data
    return bytes(flash)


def named_after_files(placed: Iterable[tuple[int, Path, bytes]]) -> list[Region]:
    """Regions of plain files, each with a name of its own: stem, file name, or with its offset."""
    files = list(placed)
    stems = Counter(path.stem for _, path, _ in files)
    names = Counter(path.name for _, path, _ in files)

    def name(offset: int, path: Path) -> str:
        if stems[path.stem] == 1:
            return path.stem
        return path.name if names[path.name] == 1 else f"{path.name}@{offset:#x}"

    return [Region(name(offset, path), offset, data) for offset, path, data in files]


def parse_placement(text: str) -> tuple[int, Path]:
    """Read OFFSET=FILE. Raises InvalidImage."""
    offset, equals, file = text.partition("=")
    if not equals or not file or not re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}|\d{1,10}", offset):
        hint = "write it as OFFSET=FILE, such as 0x10000=firmware.bin"
        raise InvalidImage(f"{text!r} does not place a file", hint=hint)
    return int(offset, 16 if offset[:2].lower() == "0x" else 10), Path(file)


def _build_id(regions: Iterable[Region]) -> str:
    hasher = blake3()
    for region in regions:
        hasher.update(region.offset.to_bytes(8, "little") + region.size.to_bytes(8, "little"))
        hasher.update(region.data)
    return hasher.hexdigest(4)
