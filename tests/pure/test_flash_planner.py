"""What the planner expects to pay, what it pays, and which sectors it joins."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fbuild_watch.flash.cost import (
    SECTORS_PER_BLOCK,
    WRITE,
    CostModel,
    choose,
    erase_units,
)
from fbuild_watch.flash.guess import of_image
from fbuild_watch.flash.planner import (
    BATCH,
    BELIEVED_CURRENT,
    UNKNOWN,
    AskDigests,
    Density,
    Digests,
    Dirty,
    Run,
    differing,
    fitted,
    md5,
    narrow,
    runs,
    sector_digests,
    sectors,
)
from fbuild_watch.model import SECTOR, Image, Region

COSTS = CostModel()
models = st.builds(
    CostModel,
    baud=st.sampled_from([115200, 460800, 921600, 2_000_000]),
    round_trip=st.sampled_from([0.001, 0.004, 0.02]),
    ratio=st.sampled_from([0.05, 0.6, 1.0]),
    in_flight=st.sampled_from([1, 2, 4]),
)
counts = st.integers(1, 600)
densities = st.sampled_from([BELIEVED_CURRENT, 0.001, UNKNOWN, 0.05, 0.3, 0.9, 1.0])


# --- the model -----------------------------------------------------------------------------


@given(models, counts, densities, st.booleans())
@settings(max_examples=300, deadline=None)
def test_the_expected_cost_is_never_above_writing_all_or_asking_for_every_sector(
    costs: CostModel, count: int, density: float, differs: bool
) -> None:
    choice = choose(costs, count, density, differs)
    one_by_one = count * (costs.ask(SECTOR) + density * costs.write(0, 1))
    if differs:
        one_by_one /= max(1e-9, 1 - (1 - density) ** count)  # given that one of them does
    assert choice.cost <= costs.write(0, count) + 1e-9
    if count > 1 or not differs:
        assert choice.cost <= one_by_one + 1e-6
    assert choice.step in (WRITE, count) or choice.step < count
    assert not (differs and choice.step == count)


def test_what_is_believed_current_is_asked_for_whole_and_what_is_not_in_slices() -> None:
    assert choose(COSTS, 256, BELIEVED_CURRENT, False).step == 256
    assert 8 <= choose(COSTS, 256, UNKNOWN, False).step < 256
    assert choose(COSTS, 256, 1.0, False).step == WRITE


@given(st.integers(0, 100), st.integers(1, 200))
def test_erases_cover_a_run_and_nothing_else(first: int, count: int) -> None:
    here = first
    for unit in erase_units(first, count):
        assert unit == 1 or (unit == SECTORS_PER_BLOCK and here % SECTORS_PER_BLOCK == 0)
        here += unit
    assert here == first + count


def test_the_density_follows_what_is_seen_and_fades() -> None:
    density = Density(UNKNOWN)
    start = density.value
    density.note(64, 0)
    assert density.value < start
    density.note(32, 32)
    high = density.value
    assert high > 0.2
    density.note(256, 0)
    assert density.value < high / 10


# --- what is really paid -------------------------------------------------------------------


def paid(region: Region, held: bytes, costs: CostModel) -> tuple[float, float]:
    """(questions, writes) in seconds, of narrowing and then writing what it found."""
    batches, dirty = narrowed(region, held, costs)
    assert differing(region.data, sector_digests(held)) <= dirty
    return sum(priced(batch, costs) for batch in batches), writing(region, dirty, costs)


def narrowed(region: Region, held: bytes, costs: CostModel) -> tuple[list[AskDigests], Dirty]:
    """What is asked of a board that holds `held`, and the sectors that are to be written then."""
    questions = narrow(region, costs)
    batches: list[AskDigests] = []
    answers: Digests | None = None
    while True:
        try:
            batches.append(questions.send(answers))  # type: ignore[arg-type]  # None starts it
        except StopIteration as stop:
            return batches, stop.value
        starts = [(q.offset - region.offset, q.size) for q in batches[-1].questions]
        answers = tuple(md5(held[start : start + size]) for start, size in starts)


def priced(batch: AskDigests, costs: CostModel) -> float:
    first, *others = (question.size for question in batch.questions)
    return costs.ask(first) + sum(costs.ask_next(size) for size in others)


def writing(region: Region, dirty: frozenset[int], costs: CostModel) -> float:
    base, model = region.offset // SECTOR, fitted(costs, region.data)
    return sum(model.write(base + run.first, run.count) for run in runs(region, dirty, costs))


DATA = random.Random(0).randbytes(200 * SECTOR - 77)


def one(rng: random.Random) -> set[int]:
    return {rng.randrange(200)}


def scattered(rng: random.Random) -> set[int]:
    return set(rng.sample(range(200), rng.randint(2, 20)))


def to_the_end(rng: random.Random) -> set[int]:
    return set(range(rng.randrange(200), 200))


def clusters(rng: random.Random) -> set[int]:
    return {s + i for s in rng.sample(range(190), 4) for i in range(rng.randint(1, 10))}


def everything(_rng: random.Random) -> set[int]:
    return set(range(200))


def many(rng: random.Random) -> set[int]:
    return {sector for sector in range(200) if rng.random() < 0.5}


KINDS = [one, scattered, to_the_end, clusters, everything, many]


@pytest.mark.parametrize(("baud", "in_flight"), [(460800, 4), (921600, 4), (460800, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_paid_stays_near_the_better_of_writing_all_and_asking_for_every_sector(
    kind: Callable[[random.Random], set[int]], baud: int, in_flight: int
) -> None:
    """No questioner can be below both for every content: an answer is only known once it is paid.

    Held here: never more than a sixth above the cheaper of the two, each taken as if it had known
    beforehand that it is the cheaper one.
    """
    costs = CostModel(baud=baud, in_flight=in_flight)
    for seed in range(12):
        rng = random.Random(seed)
        dirty = frozenset(kind(rng))
        held = bytearray(DATA)
        for sector in dirty:
            held[min(sector * SECTOR + rng.randrange(SECTOR), len(held) - 1)] ^= 1
        region = Region("app", 0x10000, DATA)
        asked, written = paid(region, bytes(held), costs)
        whole = costs.ask(len(DATA)) + writing(region, frozenset(range(200)), costs)
        each = 200 * costs.ask_next(SECTOR) + writing(region, dirty, costs)
        assert asked + written <= 7 / 6 * min(whole, each)


def test_questions_are_asked_together_and_ten_sectors_are_found_in_little_more_than_one_reading() -> (
    None
):
    held = bytearray(DATA)
    for sector in random.Random(5).sample(range(200), 10):
        held[sector * SECTOR] ^= 1
    region = Region("app", 0x10000, DATA)
    batches, dirty = narrowed(region, bytes(held), COSTS)
    assert len(dirty) == 10
    assert max(len(batch.questions) for batch in batches) == BATCH
    assert len(batches) <= 10
    asked = sum(priced(batch, COSTS) for batch in batches)
    assert asked <= 1.6 * COSTS.ask(len(DATA))


@given(models, st.sampled_from([1, 20, 4096, 16384, 65536, 1 << 20]))
def test_a_question_that_goes_ahead_is_never_dearer_than_one_alone(
    costs: CostModel, size: int
) -> None:
    assert size / costs.digest_rate <= costs.ask_next(size) <= costs.ask(size)
    assert replace(costs, in_flight=1).ask_next(size) == costs.ask(size)


# --- runs ----------------------------------------------------------------------------------


@given(
    st.sets(st.integers(0, 63), min_size=1),
    st.integers(0, 20),
    st.integers(1, SECTOR),
    st.sampled_from([0.02, 0.6, 1.0]),
)
@settings(max_examples=200, deadline=None)
def test_runs_hold_every_dirty_sector_once_and_cost_no_more_than_one_by_one(
    dirty: set[int], base: int, last: int, ratio: float
) -> None:
    pattern = random.Random(1).randbytes(1 + int(ratio * 64))
    data = (pattern * (64 * SECTOR))[: 63 * SECTOR + last]
    region = Region("r", base * SECTOR, data)
    found = runs(region, dirty, COSTS)
    covered = [sector for run in found for sector in range(run.first, run.first + run.count)]
    assert covered == sorted(set(covered))
    assert dirty <= set(covered)
    assert max(covered) < sectors(len(data))
    for low, high in pairwise(found):
        new_block = (base + high.first) % SECTORS_PER_BLOCK == 0
        assert low.first + low.count < high.first or new_block
    model = replace(COSTS, ratio=fitted(COSTS, data).ratio)
    together = sum(model.write(base + run.first, run.count) for run in found)
    assert together <= sum(model.write(1, 1) for _ in dirty) + 1e-9


def test_a_block_that_is_mostly_dirty_is_written_whole() -> None:
    region = Region("r", 0x10000, bytes(40 * SECTOR))
    most = set(range(16, 32)) - {20, 25}
    assert runs(region, most, COSTS) == (Run(16, 16),)
    assert runs(region, {16, 20, 25}, COSTS) == (Run(16, 1), Run(20, 1), Run(25, 1))


# --- guesses -------------------------------------------------------------------------------


def test_a_guess_names_the_sectors_that_changed_and_the_new_ones() -> None:
    old = Region("app", 0x10000, bytes(3 * SECTOR))
    guess = of_image(Image((old,)), {})
    new = bytearray(5 * SECTOR)
    new[SECTOR + 1] = 7
    assert guess.dirty(Region("app", 0x10000, bytes(new))) == {1, 3, 4}
    assert guess.dirty(old) == frozenset()
    assert guess.dirty(Region("app", 0x20000, b"x")) is None
