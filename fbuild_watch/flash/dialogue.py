"""The dialogue with a flash: what to ask, what to write, how it is proven, what to do when it breaks.

Pure: a generator that yields requests and is sent the answers, so that the esptool session and a
simulated flash in a test drive the same code. A driver throws `LinkBroke` in where an answer
did not come.

    until_proven:  bring_up_to_date --LinkBroke, VerifyFailed--> Reconnect --> again, asking

Rules
- A region is unchanged when digests that the device gave now cover all of it.
- A guess says what is written without being asked for. It is used once; whatever goes wrong then
  sends us to asking.
- Nothing is written before every region that has to be asked for was asked for.
- A region that was written counts only when one digest over all of it, asked for afterwards, is the
  image's.
- What stands behind a region in its last sector is kept: asked whether it is erased, else read
  and written back, and proven as well.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from fbuild_watch.errors import InvalidImage, VerifyFailed
from fbuild_watch.flash.cost import CostModel
from fbuild_watch.flash.guess import NOTHING, Guess
from fbuild_watch.flash.planner import (
    BELIEVED_CURRENT,
    ERASED,
    UNKNOWN,
    AskDigest,
    AskDigests,
    Digests,
    Dirty,
    Run,
    md5,
    narrow,
    runs,
    sectors,
)
from fbuild_watch.model import SECTOR, Image, Md5, Region, RegionReport

ATTEMPTS = 4
"""Connections that are tried before a link that breaks is given up."""

ROUNDS = 2
"""How often a region is written in one connection before it is said not to take the data."""


@dataclass(frozen=True, slots=True)
class Read:
    """Ask for bytes. The answer is `size` bytes."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Write:
    """Erase the sectors under this range and program it. The answer is None."""

    offset: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Prepare:
    """These writes come next, and nothing can be taken back from here on. The answer is None."""

    writes: tuple[Write, ...]


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Begin a new connection, with more care. `attempt` counts from 1. The answer is None."""

    attempt: int


class LinkBroke(Exception):
    """Thrown into the dialogue: the answer to a request did not come, or was a refusal."""


Request = AskDigest | AskDigests | Read | Prepare | Write | Reconnect
Answer = Md5 | Digests | bytes | None
Dialogue = Generator[Request, Answer, tuple[RegionReport, ...]]
Part = Generator[Request, Answer, None]


@dataclass(slots=True)
class Findings:
    """What a dialogue has learned so far; the caller keeps it to make a guess of it."""

    written: dict[int, set[int]] = field(default_factory=dict)
    """The sectors that were sent to be written, by the offset of their region."""
    tails: dict[int, bytes] = field(default_factory=dict)
    """The bytes behind a region in its last sector, by offset."""


@dataclass(frozen=True, slots=True)
class _Visit:
    """What the parts of a dialogue share."""

    port: str
    costs: CostModel
    guess: Guess
    findings: Findings


def until_proven(
    image: Image,
    port: str,
    costs: CostModel,
    guess: Guess = NOTHING,
    findings: Findings | None = None,
) -> Dialogue:
    """Make the flash hold `image`, and prove it, over as many connections as that takes.

    Returns one report for each region, in the image's order. Raises InvalidImage before the first
    request; VerifyFailed when a second connection did not see it proven either; the driver's LinkBroke
    when ATTEMPTS connections broke.
    """
    check_layout(image)
    visit = _Visit(port, costs, guess, findings or Findings())
    doubted = False
    for attempt in range(ATTEMPTS):
        try:
            if attempt:
                yield Reconnect(attempt)
            return (yield from _bring_up_to_date(image, visit))
        except LinkBroke:
            if attempt == ATTEMPTS - 1:
                raise
        except VerifyFailed:
            if doubted or attempt == ATTEMPTS - 1:
                raise
            doubted = True
        visit = replace(visit, guess=_only_ends(guess))
    raise AssertionError("the last attempt returns or raises")


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


def _only_ends(guess: Guess) -> Guess:
    """What of a guess is checked before it is used."""
    return Guess({}, guess.ends)


# --- one connection ------------------------------------------------------------------------


def _bring_up_to_date(image: Image, visit: _Visit) -> Dialogue:
    stale = yield from _find_stale(image, visit)
    if stale:
        yield from _write(image, stale, visit)
        yield from _prove(image, stale, visit)
    return tuple(_report(region, visit.findings.written) for region in image.regions)


def _find_stale(image: Image, visit: _Visit) -> Generator[Request, Answer, Mapping[int, Dirty]]:
    """The sectors to be written, by region: as the guess has them, else as asking finds them."""
    stale: dict[int, Dirty] = {}
    for region in image.regions:
        dirty = visit.guess.dirty(region)
        if not dirty:
            prior = UNKNOWN if dirty is None else BELIEVED_CURRENT
            dirty = yield from _asked(region, visit.costs, prior=prior)
        if not (yield from _tail_holds(region, visit.findings)):
            dirty |= {sectors(region.size) - 1}
        if dirty:
            stale[region.offset] = dirty
    return stale


def _asked(
    region: Region, costs: CostModel, *, prior: float = UNKNOWN, differs: bool = False
) -> Generator[Request, Answer, Dirty]:
    questions = narrow(region, costs, prior=prior, differs=differs)
    try:
        question = next(questions)
        while True:
            answers = yield question
            assert isinstance(answers, tuple)
            question = questions.send(answers)
    except StopIteration as stop:
        found: Dirty = stop.value
        return found


def _write(image: Image, stale: Mapping[int, Dirty], visit: _Visit) -> Part:
    plan: list[tuple[set[int], Run, Write]] = []
    for region in image.regions:
        sent = visit.findings.written.setdefault(region.offset, set())
        for run in runs(region, stale.get(region.offset, frozenset()), visit.costs):
            plan.append((sent, run, (yield from _as_write(region, run, visit))))
    yield Prepare(tuple(write for _, _, write in plan))
    for sent, run, write in plan:
        sent.update(range(run.first, run.first + run.count))
        yield write


def _as_write(region: Region, run: Run, visit: _Visit) -> Generator[Request, Answer, Write]:
    start, stop = run.first * SECTOR, (run.first + run.count) * SECTOR
    data = region.data[start:stop]
    if stop > region.size and region.size % SECTOR:
        tail = yield from _tail(region, visit)
        data += tail.rstrip(ERASED)
    return Write(region.offset + start, data)


def _tail(region: Region, visit: _Visit) -> Generator[Request, Answer, bytes]:
    """The bytes between the end of a region and the end of its last sector, as the flash has them."""
    end = region.offset + region.size
    size = -end % SECTOR
    known = visit.findings.tails.get(end)
    candidates = [ERASED * size] if known is None else [known]
    sector = visit.guess.ends.get(end - end % SECTOR)
    if sector is not None:
        candidates.append(sector[end % SECTOR :])
    answer = yield AskDigest(end, size)
    for candidate in candidates:
        if answer == md5(candidate):
            tail = candidate
            break
    else:
        tail = known if known is not None else (yield from _read(end, size))
    visit.findings.tails[end] = tail
    return tail


def _read(offset: int, size: int) -> Generator[Request, Answer, bytes]:
    answer = yield Read(offset, size)
    assert isinstance(answer, bytes)
    return answer


def _prove(image: Image, stale: Mapping[int, Dirty], visit: _Visit) -> Part:
    """Ask for the digest of every region that was written; what is wrong is written once more."""
    for region in image.regions:
        if region.offset not in stale:
            continue
        for _ in range(ROUNDS - 1):
            if (yield from _holds(region, visit.findings)):
                break
            dirty = yield from _asked(region, visit.costs, differs=True)
            yield from _write(image, {region.offset: dirty}, visit)
        else:
            if not (yield from _holds(region, visit.findings)):
                raise VerifyFailed(visit.port, region.name, region.offset)


def _holds(region: Region, findings: Findings) -> Generator[Request, Answer, bool]:
    answer = yield AskDigest(region.offset, region.size)
    if answer != md5(region.data):
        return False
    return (yield from _tail_holds(region, findings))


def _tail_holds(region: Region, findings: Findings) -> Generator[Request, Answer, bool]:
    """Whether what stood behind the region still does, where this dialogue has touched it."""
    end = region.offset + region.size
    tail = findings.tails.get(end, b"")
    if not tail.rstrip(ERASED):
        return True
    return (yield AskDigest(end, len(tail))) == md5(tail)


def _report(region: Region, written: Mapping[int, set[int]]) -> RegionReport:
    count = len(written.get(region.offset, ()))
    state: Literal["written", "unchanged"] = "written" if count else "unchanged"
    return RegionReport(region.name, region.offset, region.size, state, count)
