"""The image of a project that another program has built: files that are there. Reads only."""

from __future__ import annotations

from pathlib import Path

from fbuild_watch.errors import InvalidImage
from fbuild_watch.image import flasher_args, partitions
from fbuild_watch.image.regions import check_sizes, image_of, named_after_files
from fbuild_watch.model import ForeignPlan, Image, Region


def of_foreign(plan: ForeignPlan) -> Image:
    """The images that a build has left.

    Raises InvalidImage, InvalidPartitions, ImageTooBig.
    """
    elf = plan.elf if plan.elf and plan.elf.is_file() else None
    if plan.flasher_args is not None:
        return _of_args(plan.flasher_args, elf)
    regions = named_after_files((offset, path, _read(path)) for offset, path in plan.regions)
    return image_of(regions, None, elf)


def _of_args(path: Path, elf: Path | None) -> Image:
    args = flasher_args.decode(_read(path), path)
    folder = path.parent
    regions = [Region(file.name, file.offset, _read(folder / file.file)) for file in args.files]
    table = next((region for region in regions if region.name == "partitions"), None)
    check_sizes(regions, partitions.decode(table.data, str(path)) if table else ())
    return image_of(regions, args.chip, elf)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        hint = "build the project first; then look at what its build writes, and where"
        raise InvalidImage(f"{path}: the build has not made it", hint=hint) from error
    except OSError as error:
        raise InvalidImage(f"{path}: {error.strerror or error}") from error
