"""Links that break at every step, on a simulated flash in simulated time, by seeded schedules.

Always: the image is on the flash and proven, or a typed error; nothing outside is touched; and a
second run, without faults, heals it.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from fbuild_watch.errors import VerifyFailed
from fbuild_watch.flash.dialogue import ATTEMPTS, Findings, LinkBroke, until_proven
from fbuild_watch.flash.guess import NOTHING, Guess, of_image
from fbuild_watch.flash.planner import sectors
from fbuild_watch.model import SECTOR, Image, Region
from tests.pure.nor_flash import (
    COSTS,
    FAULTS,
    FLASH_SIZE,
    FaultyFlash,
    NorFlash,
    PortGone,
    drive,
    schedules,
)

SCHEDULES = 1200


def an_image(rng: random.Random) -> Image:
    regions, sector = [], 0
    for number in range(rng.randint(1, 3)):
        sector += rng.randint(0, 2)
        data = rng.randbytes(rng.randint(1, 9 * SECTOR))
        regions.append(Region(f"r{number}", sector * SECTOR, data))
        sector += sectors(len(data))
    return Image(tuple(regions))


def a_flash(image: Image, rng: random.Random) -> bytearray:
    content = bytearray(rng.choice((rng.randbytes(FLASH_SIZE), b"\xff" * FLASH_SIZE)))
    if rng.random() < 0.6:
        for region in image.regions:
            content[region.offset : region.offset + region.size] = region.data
            for _ in range(rng.randint(0, 3)):
                content[region.offset + rng.randrange(region.size)] ^= 0x08
    return content


def a_guess(image: Image, content: bytearray, rng: random.Random) -> Guess:
    if rng.random() < 0.4:
        return NOTHING
    seen = content if rng.random() < 0.7 else bytearray(rng.randbytes(FLASH_SIZE))
    held = (
        Region(r.name, r.offset, bytes(seen[r.offset : r.offset + r.size])) for r in image.regions
    )
    return of_image(Image(tuple(held)), {})


def play(seed: int) -> tuple[str, list[str]]:
    """One schedule; returns how it ended and which faults it met."""
    rng = random.Random(seed)
    image = an_image(rng)
    content = a_flash(image, rng)
    guess = a_guess(image, content, rng)
    before = bytes(content)
    flash = FaultyFlash(content, dict(schedules(rng, 25)), rng)
    findings = Findings()
    try:
        reports = drive(until_proven(image, "p", COSTS, guess, findings), flash)
    except (LinkBroke, PortGone, VerifyFailed) as error:
        outcome = type(error).__name__
    else:
        outcome = "proven"
        assert holds(flash, image)
        for region, report in zip(image.regions, reports, strict=True):
            sent = report.sectors_written  # of a write that broke off, some may not be touched
            assert sent >= len(touched(flash, region))
            assert sent == len(touched(flash, region)) or flash.faults
    assert untouched_outside(flash, image, before)
    assert flash.now < 60
    heal(flash, image, guess)
    return outcome, flash.faults


def holds(flash: NorFlash, image: Image) -> bool:
    return all(flash.read(r.offset, r.size) == r.data for r in image.regions)


def touched(flash: NorFlash, region: Region) -> set[int]:
    first = region.offset // SECTOR
    return flash.erased & set(range(first, first + sectors(region.size)))


def untouched_outside(flash: NorFlash, image: Image, before: bytes) -> bool:
    ours = {
        index
        for region in image.regions
        for index in range(region.offset // SECTOR, region.offset // SECTOR + sectors(region.size))
    }
    others = set(range(FLASH_SIZE // SECTOR)) - ours
    return all(
        flash.read(sector * SECTOR, SECTOR) == before[sector * SECTOR : (sector + 1) * SECTOR]
        for sector in others
    )


def heal(flash: FaultyFlash, image: Image, guess: Guess) -> None:
    """A second run over a link that holds, with the guess of before: nothing has updated it."""
    flash.schedule.clear()
    reports = drive(until_proven(image, "p", COSTS, guess), flash)
    assert len(reports) == len(image.regions)
    assert holds(flash, image)


def test_every_schedule_ends_proven_or_in_a_typed_error_and_heals() -> None:
    outcomes: Counter[str] = Counter()
    met: Counter[str] = Counter()
    for seed in range(SCHEDULES):
        outcome, faults = play(seed)
        assert outcome != "LinkBroke" or len(faults) >= ATTEMPTS
        outcomes[outcome] += 1
        met.update(faults)
    assert outcomes["proven"] > SCHEDULES / 2  # most links that break are made anew
    assert set(met) == set(FAULTS)
    assert outcomes["VerifyFailed"] == 0, outcomes  # every sector of these takes its data


def test_a_link_that_always_breaks_is_given_up() -> None:
    image = Image((Region("r", 0, b"\x01" * 5000),))
    flash = FaultyFlash(bytearray(b"\xff" * FLASH_SIZE), dict.fromkeys(range(1, 99), "drop"))
    with pytest.raises(LinkBroke):
        drive(until_proven(image, "p", COSTS), flash)
    assert len(flash.faults) <= 2 * ATTEMPTS


@pytest.mark.parametrize("seed", range(40))
def test_a_sector_that_does_not_program_is_named(seed: int) -> None:
    rng = random.Random(seed)
    image = an_image(rng)
    flash = FaultyFlash(bytearray(b"\xff" * FLASH_SIZE), dict(schedules(rng, 25)), rng)
    region = rng.choice(image.regions)
    flash.stuck = {region.offset // SECTOR}
    with pytest.raises((VerifyFailed, PortGone, LinkBroke)) as caught:
        drive(until_proven(image, "p", COSTS), flash)
    if isinstance(caught.value, VerifyFailed):
        assert caught.value.fields()["offset"] == region.offset
    flash.stuck.clear()
    heal(flash, image, NOTHING)


def test_what_stood_behind_a_region_survives_a_break_between_erase_and_program() -> None:
    image = Image((Region("r", 0, b"\x01" * 100),))
    behind = bytes(range(1, 250)) * 17
    content = bytearray((b"\x00" * 100 + behind).ljust(FLASH_SIZE, b"\xff"))
    # 1: the region, 2: what is behind it, 3: read it, 4: prepare, 5: write, cut off at once
    flash = FaultyFlash(content, {5: "power"}, random.Random(4))
    drive(until_proven(image, "p", COSTS), flash)
    assert flash.faults == ["power"]
    assert flash.read(0, 100) == image.regions[0].data
    assert flash.read(100, len(behind)) == behind
