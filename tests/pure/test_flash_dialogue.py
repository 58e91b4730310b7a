"""The dialogue against a simulated NOR flash: what is proven is there, what is not ours stays."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fbuild_watch.errors import InvalidImage, VerifyFailed
from fbuild_watch.flash.dialogue import Findings, Read, check_layout, until_proven
from fbuild_watch.flash.guess import NOTHING, Guess, of_image
from fbuild_watch.flash.planner import md5, sectors
from fbuild_watch.model import SECTOR, Image, Region
from tests.pure.nor_flash import COSTS, FLASH_SIZE, NorFlash, Reports, drive


def flash_it(image: Image, flash: NorFlash, guess: Guess = NOTHING) -> Reports:
    return drive(until_proven(image, "p", COSTS, guess), flash)


@st.composite
def images(draw: st.DrawFn) -> Image:
    """Regions on sector boundaries that do not run into each other, in any order."""
    regions, sector = [], 0
    for number in range(draw(st.integers(1, 4))):
        sector += draw(st.integers(0, 3))
        largest = 24 if number == 0 else 5
        size = draw(st.integers(1, largest * SECTOR))
        data = random.Random(draw(st.integers(0, 3))).randbytes(size)  # repeats make equal regions
        regions.append(Region(f"r{number}", sector * SECTOR, data))
        sector += sectors(size)
    return Image(tuple(draw(st.permutations(regions))), build_id="b")


def contents(image: Image, rng: random.Random, kind: str) -> bytearray:
    """A flash that holds something near, or far from, an image."""
    content = bytearray(rng.randbytes(FLASH_SIZE) if rng.random() < 0.6 else b"\xff" * FLASH_SIZE)
    for region in image.regions:
        data = bytearray(region.data)
        if kind == "other":
            continue
        if kind == "scattered":
            for _ in range(rng.randint(1, 4)):
                data[rng.randrange(len(data))] ^= 0x10
        elif kind == "shifted":
            at = rng.randrange(len(data))
            data[at:] = data[at + 4 :] + rng.randbytes(min(4, len(data) - at))
        content[region.offset : region.offset + region.size] = data[: region.size]
    return content


KINDS = ("there", "scattered", "shifted", "other")


@st.composite
def cases(draw: st.DrawFn) -> tuple[Image, NorFlash, Guess]:
    """An image, a flash, and a guess that is right, wrong, of something else, or none."""
    image = draw(images())
    rng = random.Random(draw(st.integers(0, 10**6)))
    flash = NorFlash(bytes(contents(image, rng, draw(st.sampled_from(KINDS)))))
    believed = draw(st.sampled_from(["nothing", "right", *KINDS]))
    if believed == "nothing":
        return image, flash, NOTHING
    seen = flash.content if believed == "right" else contents(image, rng, believed)
    held = [
        replace(region, data=bytes(seen[region.offset : region.offset + region.size]))
        for region in image.regions
        if rng.random() < 0.8
    ]
    return image, flash, of_image(Image(tuple(held)), {})


@given(cases())
@settings(max_examples=250, deadline=None)
def test_afterwards_the_flash_holds_the_image_and_the_rest_is_untouched(
    case: tuple[Image, NorFlash, Guess],
) -> None:
    image, flash, guess = case
    before = bytes(flash.content)
    reports = flash_it(image, flash, guess)
    expected = bytearray(before)
    for region in image.regions:
        expected[region.offset : region.offset + region.size] = region.data
    assert flash.content == expected
    for region, report in zip(image.regions, reports, strict=True):
        first = region.offset // SECTOR
        touched = flash.erased & set(range(first, first + sectors(region.size)))
        held = before[region.offset : region.offset + region.size] == region.data
        assert report.state == ("written" if touched else "unchanged")
        assert held or report.state == "written"
        assert report.sectors_written == len(touched)


@given(cases())
@settings(max_examples=100, deadline=None)
def test_nothing_outside_the_announced_writes_is_erased(
    case: tuple[Image, NorFlash, Guess],
) -> None:
    image, flash, guess = case
    flash_it(image, flash, guess)
    announced = {
        write.offset // SECTOR + index
        for write in flash.prepared
        for index in range(sectors(len(write.data)))
    }
    ours = {
        region.offset // SECTOR + index
        for region in image.regions
        for index in range(sectors(region.size))
    }
    assert flash.erased == announced
    assert announced <= ours
    assert flash.prepared == tuple(flash.writes)


@given(cases())
@settings(max_examples=100, deadline=None)
def test_a_second_run_only_asks(case: tuple[Image, NorFlash, Guess]) -> None:
    image, flash, guess = case
    flash_it(image, flash, guess)
    flash.erased.clear()
    flash.asked.clear()
    reports = flash_it(image, flash, of_image(image, {}))
    assert {report.state for report in reports} == {"unchanged"}
    assert len(flash.asked) == len(image.regions)  # with a guess that all is there: one each
    assert not flash.erased


@given(cases(), st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_what_another_tool_wrote_is_noticed(
    case: tuple[Image, NorFlash, Guess], where: int
) -> None:
    image, flash, _ = case
    flash_it(image, flash)
    region = image.regions[where % len(image.regions)]
    flash.content[region.offset + where % region.size] ^= 1 << where % 8
    reports = dict(zip(image.regions, flash_it(image, flash, of_image(image, {})), strict=True))
    assert reports[region].state == "written"
    assert flash.read(region.offset, region.size) == region.data


@given(cases())
@settings(max_examples=100, deadline=None)
def test_a_right_guess_asks_only_for_what_it_proves(
    case: tuple[Image, NorFlash, Guess],
) -> None:
    image, flash, _ = case
    held = tuple(
        replace(region, data=flash.read(region.offset, region.size)) for region in image.regions
    )
    flash_it(image, flash, of_image(Image(held), {}))
    tails = sum(1 for region in image.regions if region.size % SECTOR)
    assert len(flash.asked) <= len(image.regions) + 2 * tails


@given(cases(), st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_a_sector_that_does_not_take_the_data_is_never_called_proven(
    case: tuple[Image, NorFlash, Guess], which: int
) -> None:
    image, flash, guess = case
    region = image.regions[which % len(image.regions)]
    flash.stuck = {region.offset // SECTOR}
    flash.content[region.offset] = region.data[0] ^ 0x01  # so that it has to be written
    if not any(byte != 0xFF for byte in region.data[:SECTOR]):
        return
    with pytest.raises(VerifyFailed) as caught:
        flash_it(image, flash, guess)
    assert caught.value.fields()["region"] == region.name


def test_what_stands_behind_a_region_is_read_once_and_kept() -> None:
    image = Image((Region("r", 0, b"\x01" * (SECTOR + 10)),))
    flash = NorFlash(bytes(range(256)) * (FLASH_SIZE // 256))
    behind = flash.read(SECTOR + 10, SECTOR - 10)
    findings = Findings()
    reads: list[Read] = []
    answer = flash.answer
    flash.answer = lambda request: (
        (  # type: ignore[method-assign]
            reads.append(request) if isinstance(request, Read) else None
        )
        or answer(request)
    )
    drive(until_proven(image, "p", COSTS, NOTHING, findings), flash)
    assert flash.read(SECTOR + 10, SECTOR - 10) == behind
    assert findings.tails == {SECTOR + 10: behind}
    assert len(reads) == 1

    shorter = Image((Region("r", 0, b"\x02" * (SECTOR + 3)),))
    expected = b"\x01" * 7 + behind
    drive(until_proven(shorter, "p", COSTS, of_image(image, findings.tails)), flash)
    assert flash.read(SECTOR + 3, SECTOR - 3) == expected
    assert len(reads) == 1  # what was written last time is asked for, not read


def test_an_erased_end_of_a_sector_is_not_read() -> None:
    flash = NorFlash(b"\xff" * FLASH_SIZE)
    flash_it(Image((Region("r", 0, b"\x01"),)), flash)
    assert flash.asked[1].offset == 1
    assert flash.asked[1].size == SECTOR - 1
    assert flash.writes[0].data == b"\x01"


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
        check_layout(Image(regions))
    with pytest.raises(InvalidImage):
        next(until_proven(Image(regions), "p", COSTS))


def test_a_board_of_the_same_digests_is_asked_in_few_large_questions() -> None:
    data = random.Random(1).randbytes(24 * SECTOR)
    flash = NorFlash(data.ljust(FLASH_SIZE, b"\xff"))
    flash_it(Image((Region("r", 0, data),)), flash)
    assert len(flash.asked) <= 4
    assert md5(data) == md5(flash.read(0, len(data)))
