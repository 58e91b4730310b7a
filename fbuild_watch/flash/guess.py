"""What a board is believed to hold: the sector digests of the image last written to it.

Pure. A guess says what is tried first. It is never the image itself, and never decides that a
board is current: only the board's own digest does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fbuild_watch.flash.planner import Dirty, differing, sector_digests
from fbuild_watch.model import SECTOR, Image, Md5, Region


@dataclass(frozen=True, slots=True)
class Guess:
    """One board. Sector digests by the offset of the region they are of."""

    sectors: Mapping[int, tuple[Md5, ...]]
    ends: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    """What the last sector of a region holds, whole, by the sector's offset (in memory only)."""

    def dirty(self, region: Region) -> Dirty | None:
        """The sectors of `region` that the board does not seem to hold; None: nothing is believed."""
        believed = self.sectors.get(region.offset)
        return differing(region.data, believed) if believed is not None else None


NOTHING = Guess({})
"""A board of which nothing is known."""


def of_image(image: Image, tails: Mapping[int, bytes]) -> Guess:
    """What a board holds after `image` was proven on it.

    `tails` are the bytes behind a region in its last sector, by offset, where they are known.
    """
    sectors = {region.offset: sector_digests(region.data) for region in image.regions}
    ends = {}
    for region in image.regions:
        end = region.offset + region.size
        if end in tails:
            start = end - end % SECTOR
            ends[start] = region.data[start - region.offset :] + tails[end]
    return Guess(sectors, ends)
