"""What asking and writing cost: a model in seconds, for the planner and for the choice of loader.

Pure, and only a model: it decides what is done first and by which way, never what is true.

Rules
- Typical times, not maxima: ESP32-S3 datasheet v2.2, table 5-11 (page program 0.8 ms, 4 KB erase
  70 ms, 64 KB erase 300 ms); 2.4 MB/s is the rate of a device's MD5 over a 2.4 MB image.
- A byte takes 10 bits on the line.
- The stub erases and programs while the next block is on the line; the ROM does one after the other.
- A question that waits in the chip while the one before it is answered costs no round trip.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fbuild_watch.model import SECTOR

BLOCK = 64 * 1024
"""The larger erase unit."""

PAGE = 256
"""The unit of programming."""

SECTORS_PER_BLOCK = BLOCK // SECTOR

Loader = Literal["rom", "stub"]
WRITE_BLOCK = {"rom": 1024, "stub": 16 * 1024}
"""Bytes of compressed data in one packet (esptool docs, "Serial Protocol")."""


DIGEST_EXTRA = 40
"""Bytes that a digest's question and the ROM's answer in hex have beyond the smallest packets."""

DIGEST_ANSWER = 46
"""Bytes of the ROM's answer, with its framing."""

QUESTION_WORK = 0.001
"""What a loader may take for a question besides reading: so much, that few large questions are
asked where many small ones would save little."""


@dataclass(frozen=True, slots=True)
class CostModel:
    """Seconds and rates of one link to one board. Hashable: plans are remembered by it."""

    baud: int = 460800
    round_trip: float = 0.004
    """The smallest question and its answer, as measured."""
    ratio: float = 0.6
    """Compressed size by size, of the data at hand."""
    digest_rate: float = 2.4e6
    sector_erase: float = 0.070
    block_erase: float = 0.300
    page_program: float = 0.0008
    in_flight: int = 4
    """Questions that may be under way at once."""

    def ask(self, size: int) -> float:
        """The digest of `size` bytes."""
        return self.round_trip + self.wire(DIGEST_EXTRA) + size / self.digest_rate

    def ask_next(self, size: int) -> float:
        """The same, for a question that is asked while others are under way."""
        alone = self.ask(size)
        work = QUESTION_WORK + size / self.digest_rate
        return min(alone, max(work, self.wire(DIGEST_ANSWER), alone / self.in_flight))

    def wire(self, size: float) -> float:
        """`size` bytes on the line."""
        return size * 10 / self.baud

    def flash_time(self, first: int, count: int) -> float:
        """Erasing and programming `count` sectors from sector number `first`."""
        units = erase_units(first, count)
        erase = sum(self.sector_erase if unit == 1 else self.block_erase for unit in units)
        return erase + count * (SECTOR // PAGE) * self.page_program

    def write(
        self, first: int, count: int, packed: int | None = None, loader: Loader = "stub"
    ) -> float:
        """Writing sectors, block by block; `packed` is their compressed size (None: by `ratio`)."""
        sent = count * SECTOR * self.ratio if packed is None else packed
        total, here, end = 0.0, first, first + count
        while here < end:
            part = min(end - here, SECTORS_PER_BLOCK - here % SECTORS_PER_BLOCK)
            total += self._write_run(here, part, sent * part / count, loader)
            here += part
        return total

    def _write_run(self, first: int, count: int, sent: float, loader: Loader) -> float:
        packets = 1 + math.ceil(sent / WRITE_BLOCK[loader])
        flash, wire = self.flash_time(first, count), self.wire(sent)
        work = max(flash, wire) if loader == "stub" else flash + wire
        return packets * self.round_trip + work


def erase_units(first: int, count: int) -> Iterator[int]:
    """The erases of a run, in sectors: 16 where an aligned block fits, else 1. As the loaders do."""
    here, end = first, first + count
    while here < end:
        fits = here % SECTORS_PER_BLOCK == 0 and end - here >= SECTORS_PER_BLOCK
        unit = SECTORS_PER_BLOCK if fits else 1
        yield unit
        here += unit


# --- ask or write? -------------------------------------------------------------------------

WRITE = 0
"""As an answer of `choose`: write the range without looking closer."""

_PARTS = (2, 4, 8, 16, 32, 64)
"""Into how many slices a range may be cut at once."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What to do with a range of sectors, and what that is expected to cost (seconds)."""

    step: int
    """WRITE, the range's own length (ask it whole), or the length of the slices to look at."""
    cost: float


@functools.lru_cache(maxsize=65536)
def choose(costs: CostModel, count: int, density: float, differs: bool) -> Choice:
    """The cheapest way to bring `count` sectors up to date.

    Each sector is taken to differ with probability `density`, by itself; `differs`: the range's
    digest is known not to match. Never dearer, as expected, than writing all of it or asking for
    every sector of it.
    """
    options = [Choice(WRITE, costs.write(0, count))]
    if not differs:
        found = _any_dirty(density, count)
        if_dirty = choose(costs, count, density, True).cost
        options.append(Choice(count, costs.ask(count * SECTOR) + found * if_dirty))
    for step in _steps(count):
        options.append(Choice(step, _sliced(costs, count, step, density, differs)))
    return min(options, key=lambda choice: choice.cost)


def _sliced(costs: CostModel, count: int, step: int, density: float, differs: bool) -> float:
    """Asking for the slices of `step` sectors together, and going on in those that differ."""
    known = _any_dirty(density, count) if differs else 1.0
    total = costs.ask(step * SECTOR) - costs.ask_next(step * SECTOR)
    for size, times in ((step, count // step), (count % step, 1)):
        if size and times:
            found = min(1.0, _any_dirty(density, size) / known)
            if_dirty = choose(costs, size, density, True).cost
            total += times * (costs.ask_next(size * SECTOR) + found * if_dirty)
    return total


def _steps(count: int) -> list[int]:
    steps = {-(-count // parts) for parts in _PARTS} | {1}
    return sorted(step for step in steps if step < count)


def _any_dirty(density: float, count: int) -> float:
    return 1.0 - (1.0 - density) ** count
