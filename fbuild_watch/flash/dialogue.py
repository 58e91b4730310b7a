"""The dialogue with a flash: which digests to ask for, what to write, how it is proven.

Pure: `bring_up_to_date` is a generator that yields requests and is sent the answers, so the
esptool session and a simulated flash in a test drive the same code.

Rules
- A region whose digest is the image's is not written.
- Nothing is written before every region has been asked for.
- A region that was written counts only when its digest, asked again afterwards, is the image's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from dataclasses import dataclass, field
from itertools import pairwise

from fbuild_watch.errors import InvalidImage, VerifyFailed
from fbuild_watch.model import SECTOR, Image, Md5, Region, RegionReport


@dataclass(frozen=True, slots=True)
class AskDigest:
    """Ask for the MD5 of `size` bytes from `offset`. The answer is an `Md5`."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Write:
    """Erase the sectors under this range and program it. The answer is None."""

    offset: int
    data: bytes = field(repr=False)


Request = AskDigest | Write
Dialogue = Generator[Request, Md5 | None, tuple[RegionReport, ...]]


def bring_up_to_date(image: Image, port: str) -> Dialogue:
    """Make the flash hold `image`, and prove it.

    Returns one report for each region, in the image's order.
    Raises InvalidImage before the first request, VerifyFailed when a written region is not proven.
    """
    check_layout(image)
    stale = []
    for region in image.regions:
        if (yield _digest_of(region)) != md5(region.data):
            stale.append(region)
    for region in stale:
        yield Write(region.offset, region.data)
    for region in stale:
        if (yield _digest_of(region)) != md5(region.data):
            raise VerifyFailed(port, region.name, region.offset)
    return tuple(_report(region, written=region in stale) for region in image.regions)


def check_layout(image: Image) -> None:
    """Refuse an image that cannot be written as it stands.

    Erasing works by sectors, so two regions in one sector would destroy each other.
    """
    for region in image.regions:
        if not region.data:
            raise InvalidImage(f"region {region.name} is empty", hint="build it again")
        if region.offset % SECTOR:
            raise InvalidImage(
                f"region {region.name} starts at {region.offset:#x}, inside a sector",
                hint=f"flash is erased in sectors: use a multiple of {SECTOR:#x}",
            )
    by_offset = sorted(image.regions, key=lambda region: region.offset)
    for low, high in pairwise(by_offset):
        if low.offset + low.size > high.offset:
            raise InvalidImage(
                f"region {low.name} ({low.offset:#x} + {low.size:#x}) runs into "
                f"{high.name} at {high.offset:#x}",
                hint="move one of them",
            )


def md5(data: bytes) -> Md5:
    """The digest a device would compute over `data`."""
    return Md5(hashlib.md5(data, usedforsecurity=False).digest())


def sectors(size: int) -> int:
    """How many sectors `size` bytes from a sector's start touch."""
    return -(-size // SECTOR)


def _digest_of(region: Region) -> AskDigest:
    return AskDigest(region.offset, region.size)


def _report(region: Region, *, written: bool) -> RegionReport:
    return RegionReport(
        region.name,
        region.offset,
        region.size,
        "written" if written else "unchanged",
        sectors(region.size) if written else 0,
    )
