"""The dialogue against a simulated NOR flash: what is proven is there, what is not ours stays."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fbuild_watch.errors import InvalidImage, VerifyFailed
from fbuild_watch.flash.dialogue import (
    AskDigest,
    Dialogue,
    Request,
    Write,
    bring_up_to_date,
    md5,
    sectors,
)
from fbuild_watch.model import SECTOR, Image, Md5, Region, RegionReport

FLASH_SIZE = 32 * SECTOR


class NorFlash:
    """Erases by sectors, programs by clearing bits, counts what is done to it."""

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)
        self.asked = 0
        self.erased: set[int] = set()
        self.stuck: set[int] = set()
        """Sectors that take no programming any more."""

    def answer(self, request: Request) -> Md5 | None:
        if isinstance(request, AskDigest):
            self.asked += 1
            return md5(bytes(self.content[request.offset : request.offset + request.size]))
        self._write(request)
        return None

    def _write(self, request: Write) -> None:
        for sector in range(
            request.offset // SECTOR, -(-(request.offset + len(request.data)) // SECTOR)
        ):
            self.erased.add(sector)
            self.content[sector * SECTOR : (sector + 1) * SECTOR] = b"\xff" * SECTOR
        for index, byte in enumerate(request.data, request.offset):
            if index // SECTOR not in self.stuck:
                self.content[index] &= byte


def drive(dialogue: Dialogue, answer: Callable[[Request], Md5 | None]) -> tuple[RegionReport, ...]:
    request = next(dialogue)
    while True:
        try:
            request = dialogue.send(answer(request))
        except StopIteration as stop:
            reports: tuple[RegionReport, ...] = stop.value
            return reports


@st.composite
def images(draw: st.DrawFn) -> Image:
    """Regions on sector boundaries that do not run into each other, in any order."""
    regions, sector = [], 0
    for number in range(draw(st.integers(1, 4))):
        sector += draw(st.integers(0, 3))
        size = draw(st.integers(1, 3 * SECTOR))
        data = random.Random(draw(st.integers(0, 3))).randbytes(size)  # repeats make equal regions
        regions.append(Region(f"r{number}", sector * SECTOR, data))
        sector += sectors(size)
    return Image(tuple(draw(st.permutations(regions))), build_id="b")


@st.composite
def cases(draw: st.DrawFn) -> tuple[Image, NorFlash]:
    image = draw(images())
    flash = NorFlash(random.Random(draw(st.integers(0, 9))).randbytes(FLASH_SIZE))
    for region in image.regions:  # some regions are there already, some but for one byte
        kind = draw(st.sampled_from(["there", "one byte off", "other"]))
        if kind != "other":
            flash.content[region.offset : region.offset + region.size] = region.data
        if kind == "one byte off":
            flash.content[region.offset + draw(st.integers(0, region.size - 1))] ^= 0x10
    return image, flash


@given(cases())
@settings(max_examples=300, deadline=None)
def test_afterwards_the_flash_holds_the_image_and_the_rest_is_untouched(
    case: tuple[Image, NorFlash],
) -> None:
    image, flash = case
    before = bytes(flash.content)
    reports = drive(bring_up_to_date(image, "p"), flash.answer)
    ours: set[int] = set()
    for region, report in zip(image.regions, reports, strict=True):
        end = region.offset + region.size
        held = before[region.offset : end] == region.data
        assert flash.content[region.offset : end] == region.data
        assert report.state == ("unchanged" if held else "written")
        assert report.sectors_written == (0 if held else sectors(region.size))
        if not held:
            ours.update(range(region.offset // SECTOR, -(-end // SECTOR)))
    assert flash.erased == ours
    for sector in set(range(FLASH_SIZE // SECTOR)) - ours:
        where = slice(sector * SECTOR, (sector + 1) * SECTOR)
        assert flash.content[where] == before[where]


@given(cases())
@settings(max_examples=100, deadline=None)
def test_a_second_run_only_asks(case: tuple[Image, NorFlash]) -> None:
    image, flash = case
    drive(bring_up_to_date(image, "p"), flash.answer)
    flash.erased.clear()
    flash.asked = 0
    reports = drive(bring_up_to_date(image, "p"), flash.answer)
    assert {report.state for report in reports} == {"unchanged"}
    assert (flash.asked, flash.erased) == (len(image.regions), set())


@given(cases(), st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_a_sector_that_does_not_take_the_data_is_never_called_proven(
    case: tuple[Image, NorFlash], which: int
) -> None:
    image, flash = case
    region = image.regions[which % len(image.regions)]
    flash.stuck = {region.offset // SECTOR}
    flash.content[region.offset] = region.data[0] ^ 0x01  # so that it has to be written
    if not any(byte != 0xFF for byte in region.data[:SECTOR]):
        return
    with pytest.raises(VerifyFailed) as caught:
        drive(bring_up_to_date(image, "p"), flash.answer)
    assert caught.value.fields()["region"] == region.name


@pytest.mark.parametrize(
    "regions",
    [
        (Region("empty", 0, b""),),
        (Region("odd", 0x10, b"x"),),
        (Region("a", 0, b"x" * (SECTOR + 1)), Region("b", SECTOR, b"y")),
    ],
)
def test_an_image_that_cannot_be_flashed_is_refused_before_anything_is_asked(
    regions: tuple[Region, ...],
) -> None:
    with pytest.raises(InvalidImage):
        next(bring_up_to_date(Image(regions), "p"))
