"""A simulated NOR flash that answers a flash dialogue, with a clock, and faults by schedule."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from fbuild_watch.flash.cost import CostModel
from fbuild_watch.flash.dialogue import (
    Answer,
    Dialogue,
    LinkBroke,
    Prepare,
    Read,
    Reconnect,
    Request,
    Write,
)
from fbuild_watch.flash.planner import AskDigest, AskDigests, md5, sectors
from fbuild_watch.model import SECTOR, Md5, RegionReport

FLASH_SIZE = 64 * SECTOR
COSTS = CostModel()


class NorFlash:
    """Erases by sectors, programs by clearing bits, counts and prices what is done to it."""

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)
        self.asked: list[AskDigest] = []
        self.erased: set[int] = set()
        self.writes: list[Write] = []
        self.prepared: tuple[Write, ...] = ()
        self.stuck: set[int] = set()
        """Sectors that take no programming any more."""
        self.now = 0.0

    def answer(self, request: Request) -> Answer:
        match request:
            case AskDigest():
                return self._digest(request)
            case AskDigests(questions):
                return tuple(self._digest(question) for question in questions)
            case Read(offset, size):
                return self.read(offset, size)
            case Prepare(writes):
                self.prepared += writes
            case Write(offset, data):
                self.writes.append(request)
                self.now += COSTS.write(offset // SECTOR, sectors(len(data)))
                self.write(offset, data)
            case Reconnect():
                pass
        return None

    def _digest(self, question: AskDigest) -> Md5:
        self.asked.append(question)
        self.now += COSTS.ask(question.size)
        return md5(self.read(question.offset, question.size))

    def read(self, offset: int, size: int) -> bytes:
        assert offset + size <= len(self.content)
        return bytes(self.content[offset : offset + size])

    def write(self, offset: int, data: bytes) -> None:
        assert offset % SECTOR == 0
        for start in range(0, len(data), SECTOR):
            at = offset + start
            self.erased.add(at // SECTOR)
            taken = b"" if at // SECTOR in self.stuck else data[start : start + SECTOR]
            self.content[at : at + SECTOR] = taken.ljust(SECTOR, b"\xff")


Reports = tuple[RegionReport, ...]


def drive(dialogue: Dialogue, flash: NorFlash) -> Reports:
    """Answer until the dialogue ends. What the flash raises goes into the dialogue if it is LinkBroke."""
    answer: Answer = None
    broke: LinkBroke | None = None
    while True:
        try:
            request = dialogue.throw(broke) if broke else dialogue.send(answer)
        except StopIteration as stop:
            reports: Reports = stop.value
            return reports
        broke = None
        try:
            answer = flash.answer(request)
        except LinkBroke as error:
            broke = error


FAULTS = ("drop", "garble", "stall", "half", "power", "stub dies", "port goes")


class PortGone(Exception):
    """The driver's own error: not one that a dialogue can do something about."""


@dataclass
class FaultyFlash(NorFlash):
    """A NorFlash behind a link that breaks where the schedule says so."""

    content: bytearray
    schedule: dict[int, str]
    """What goes wrong at the n-th request."""
    rng: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        super().__init__(self.content)
        self._count = 0
        self._dead = False
        self.faults: list[str] = []

    def answer(self, request: Request) -> Answer:
        self._count += 1
        fault = self.schedule.get(self._count)
        if isinstance(request, Reconnect):
            self._dead = False
        if self._dead:
            raise LinkBroke("no answer")
        if fault is None:
            return super().answer(request)
        self.faults.append(fault)
        return self._wrong(fault, request)

    def _noise(self) -> Md5:
        return md5(self.rng.randbytes(4))

    def _wrong(self, fault: str, request: Request) -> Answer:
        if fault == "port goes":
            raise PortGone
        if fault == "garble" and isinstance(request, AskDigest):
            return self._noise()
        if fault == "garble" and isinstance(request, AskDigests):
            return tuple(self._noise() for _ in request.questions)
        if isinstance(request, Write) and fault in ("half", "power", "drop", "garble"):
            done = self.rng.randrange(len(request.data))
            self.write(request.offset, request.data[:done])
        elif fault == "stall":  # the work is done, the answer comes too late
            super().answer(request)
        self._dead = fault in ("power", "stub dies")
        raise LinkBroke(fault)


def schedules(rng: random.Random, length: int) -> Iterator[tuple[int, str]]:
    """Some requests, and what goes wrong at each."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        yield rng.randint(1, length), rng.choice(FAULTS)
