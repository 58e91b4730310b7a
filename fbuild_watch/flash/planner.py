"""Which sectors of a region are asked for, which are written, and in which runs.

Pure. `narrow` is a generator of questions, asked some at a time; it ends with the sectors to be
written. What it does not know it asks for or writes, whichever the cost model expects to be cheaper.

Rules
- Sectors are counted from the start of the region, which is the start of a sector of the flash.
- A sector is left alone only when a digest that covers it was the image's.
- Dirty sectors join into runs. A whole 64 KB block is written where its one erase is cheaper than
  those of its dirty sectors, with the image's own bytes for the rest of it.
- A run ends at a block's end: in one long write the stub erases ahead of what it programs, so that
  data that has come waits for an erase that it does not need.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections import deque
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace

from fbuild_watch.flash.cost import SECTORS_PER_BLOCK, WRITE, CostModel, choose
from fbuild_watch.model import SECTOR, Md5, Region


@dataclass(frozen=True, slots=True)
class AskDigest:
    """Ask for the MD5 of `size` bytes from `offset`. The answer is an `Md5`."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class AskDigests:
    """Ask for several digests; the next question may go out before the last answer is there.

    The answer is a tuple of `Md5`, in the order of the questions.
    """

    questions: tuple[AskDigest, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """`count` sectors from sector number `first` of a region, to be written together."""

    first: int
    count: int


ERASED = b"\xff"

Dirty = frozenset[int]
Digests = tuple[Md5, ...]
Narrowing = Generator[AskDigests, Digests, Dirty]


def md5(data: bytes) -> Md5:
    """The digest a device would compute over `data`."""
    return Md5(hashlib.md5(data, usedforsecurity=False).digest())


def sectors(size: int) -> int:
    """How many sectors `size` bytes from a sector's start touch."""
    return -(-size // SECTOR)


def sector_digests(data: bytes) -> tuple[Md5, ...]:
    """The digest of each sector; of the last one over the bytes that there are."""
    return tuple(md5(data[start : start + SECTOR]) for start in range(0, len(data), SECTOR))


def differing(data: bytes, believed: Sequence[bytes]) -> Dirty:
    """The sectors of `data` that are not the believed ones."""
    digests = sector_digests(data)
    known = min(len(digests), len(believed))
    return frozenset(i for i in range(len(digests)) if i >= known or digests[i] != believed[i])


def fitted(costs: CostModel, data: bytes) -> CostModel:
    """The model with the compression that this very data has, judged by sectors from all over it."""
    step = max(1, sectors(len(data)) // _SAMPLES)
    sample = b"".join(data[at : at + SECTOR] for at in range(0, len(data), step * SECTOR))
    return replace(costs, ratio=round(min(1.0, len(zlib.compress(sample, 1)) / len(sample)), 2))


_SAMPLES = 16

# --- asking --------------------------------------------------------------------------------


class Density:
    """How many of the sectors around here differ, learned from the answers as they come.

    Edits are local and shifts go on to the end, so old answers fade.
    """

    MEMORY = 64
    """Sectors after which an answer has lost most of its weight."""

    LEVELS = 4
    """Values per power of two: the plans of near densities are the same."""

    def __init__(self, prior: float, weight: float = 4.0) -> None:
        self._prior, self._weight = prior, weight
        self._dirty = self._seen = 0.0

    def note(self, count: int, dirty: int) -> None:
        """`dirty` of the next `count` sectors differ."""
        fade = math.exp(-count / self.MEMORY)
        self._dirty = self._dirty * fade + dirty
        self._seen = self._seen * fade + count

    @property
    def value(self) -> float:
        """The probability that a sector differs, rounded to a step."""
        exact = (self._prior * self._weight + self._dirty) / (self._weight + self._seen)
        step = round(math.log2(exact) * self.LEVELS) / self.LEVELS
        return min(1.0, math.pow(2.0, step))


UNKNOWN = 1 / 128
"""A sector of a board of which nothing is known: an edit touches a few of an app's hundreds, and
with them the first (build time, the ELF's SHA-256) and the last (the image's own SHA-256)."""

BELIEVED_CURRENT = 1e-6
"""A sector that the guess says is there already: the region is asked for as a whole."""


def narrow(
    region: Region, costs: CostModel, *, prior: float = UNKNOWN, differs: bool = False
) -> Narrowing:
    """Ask until it is known, or cheaper not to know, which sectors of `region` differ.

    `differs`: the region's digest is known not to be the image's. Returns the sectors to write.
    """
    search = _Search(region, fitted(costs, region.data), Density(prior))
    search.todo.append(_Span(0, sectors(region.size), differs))
    while spans := search.next_spans():
        answers = yield AskDigests(tuple(search.question(span) for span in spans))
        search.learn(spans, answers)
    return frozenset(search.dirty)


BATCH = 16
"""Questions that are asked together: what an answer teaches comes too late for the rest of them."""


@dataclass(frozen=True, slots=True)
class _Span:
    """The sectors [first, end) of a region; `differs`: at least one of them is not the image's."""

    first: int
    end: int
    differs: bool = False

    @property
    def count(self) -> int:
        return self.end - self.first

    def cut(self, step: int) -> list[_Span]:
        """Spans of `step` sectors, of which nothing is known."""
        starts = range(self.first, self.end, step)
        return [_Span(start, min(start + step, self.end)) for start in starts]


@dataclass(frozen=True, slots=True)
class _Search:
    region: Region
    costs: CostModel
    density: Density
    todo: deque[_Span] = field(default_factory=deque)
    """What is still to be looked at, in order."""
    dirty: set[int] = field(default_factory=set)

    def next_spans(self) -> list[_Span]:
        """What is to be asked for now; what is cheaper written than looked at becomes dirty."""
        asked: list[_Span] = []
        while self.todo and len(asked) < BATCH:
            span = self.todo.popleft()
            step = choose(self.costs, span.count, self.density.value, span.differs).step
            if step == WRITE:
                self._give_up(span)
            elif step == span.count:
                asked.append(span)
            else:
                self.todo.extendleft(reversed(span.cut(step)))
        return asked

    def question(self, span: _Span) -> AskDigest:
        """How the device is asked about it."""
        size = len(self._wanted(span))
        return AskDigest(self.region.offset + span.first * SECTOR, size)

    def learn(self, spans: Sequence[_Span], answers: Digests) -> None:
        """Take in the answers; what differs is looked at more closely, before all else."""
        closer = [
            replace(span, differs=True)
            for span, answer in zip(spans, answers, strict=True)
            if not self._settles(span, answer)
        ]
        self.todo.extendleft(reversed(closer))

    def _settles(self, span: _Span, answer: Md5) -> bool:
        wanted = self._wanted(span)
        if answer == md5(wanted):
            self.density.note(span.count, 0)
            return True
        if answer == md5(ERASED * len(wanted)):  # a new board: there is nothing to look for
            self.dirty.update(range(span.first, span.end))
            return True
        return False

    def _wanted(self, span: _Span) -> bytes:
        return self.region.data[span.first * SECTOR : span.end * SECTOR]

    def _give_up(self, span: _Span) -> None:
        if span.count == 1 and span.differs:
            self.density.note(1, 1)
        self.dirty.update(range(span.first, span.end))


# --- writing -------------------------------------------------------------------------------


def runs(region: Region, dirty: Collection[int], costs: CostModel) -> tuple[Run, ...]:
    """The dirty sectors as runs, in order, with the blocks filled up that are cheaper whole."""
    chosen = _joined(set(dirty) | _filled(region, dirty, fitted(costs, region.data)))
    base = region.offset // SECTOR
    return tuple(part for run in chosen for part in _by_block(run, base))


def _by_block(run: Run, base: int) -> Iterator[Run]:
    """A run, cut where blocks of the flash begin; `base` is the region's first sector there."""
    first, end = run.first, run.first + run.count
    while first < end:
        stop = min(end, first + SECTORS_PER_BLOCK - (base + first) % SECTORS_PER_BLOCK)
        yield Run(first, stop - first)
        first = stop


def _filled(region: Region, dirty: Collection[int], costs: CostModel) -> set[int]:
    """The sectors of the blocks that are written whole. Only blocks that the region fills."""
    base = region.offset // SECTOR
    start = -base % SECTORS_PER_BLOCK
    filled: set[int] = set()
    for first in range(start, region.size // SECTOR - SECTORS_PER_BLOCK + 1, SECTORS_PER_BLOCK):
        block = range(first, first + SECTORS_PER_BLOCK)
        alone = sum(costs.write(1, run.count) for run in _joined(set(dirty).intersection(block)))
        if alone > costs.write(0, SECTORS_PER_BLOCK):
            filled.update(block)
    return filled


def _joined(sectors: Collection[int]) -> tuple[Run, ...]:
    found: list[Run] = []
    for sector in sorted(sectors):
        if found and found[-1].first + found[-1].count == sector:
            found[-1] = Run(found[-1].first, found[-1].count + 1)
        else:
            found.append(Run(sector, 1))
    return tuple(found)
