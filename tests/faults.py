"""A virtual board that fails on purpose: at a given byte, command or flash operation. Pure.

    what goes wrong            where it is counted
    Dropped Doubled Garbled    bytes on the line, each way
    Stalled                    bytes on the line, each way
    Vanished Renamed           bytes to the chip
    StubDied                   frames that the stub hears
    StuckSector                an address
    PowerLost                  flash operations: an erase of a unit, a programming of some bytes
    ButtonHeld                 at plug-in: the strapping pin is low, once
    Deaf                       always: the ROM hears nothing while it works
    LateStub                   always: the stub greets late
    Locked                     always: flash encryption, secure boot, Secure Download Mode

Rules
- Every fault happens once, but for StuckSector without `times` and those that are always there:
  a second run meets a sane board.
- The same faults and the same seed do the same to the same client.
- What happened is logged: `fault: ...`.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from fbuild_watch.virtual.board import Board
from fbuild_watch.virtual.loader import Chip, Loader, Timed, Waiting
from fbuild_watch.virtual.nor import SECTOR, Nor
from fbuild_watch.virtual.personality import Personality
from fbuild_watch.virtual.protocol import Opcode
from fbuild_watch.virtual.stub import StubLoader

Way = Literal["chip", "host"]


@dataclass(frozen=True, slots=True)
class Dropped:
    """Bytes that do not arrive."""

    at: int
    to: Way = "chip"
    count: int = 1


@dataclass(frozen=True, slots=True)
class Doubled:
    """Bytes that arrive twice."""

    at: int
    to: Way = "chip"
    count: int = 1


@dataclass(frozen=True, slots=True)
class Garbled:
    """Bytes that arrive as others."""

    at: int
    to: Way = "chip"
    count: int = 1


@dataclass(frozen=True, slots=True)
class Stalled:
    """From that byte on nothing arrives for a while; then all of it does."""

    at: int
    to: Way = "chip"
    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Vanished:
    """The port goes away, is refused for a while, and is back under its name. The chip runs on."""

    at: int
    seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Renamed:
    """The port goes away, and is back under another name. The chip runs on."""

    at: int
    seconds: float = 0.3


@dataclass(frozen=True, slots=True)
class StubDied:
    """The stub does not answer any more, from that frame on and until the next reset."""

    at: int


@dataclass(frozen=True, slots=True)
class StuckSector:
    """A sector that keeps its ones; `times`: only so many programmings of it go wrong."""

    address: int
    times: int | None = None


@dataclass(frozen=True, slots=True)
class PowerLost:
    """Power goes in the middle of that flash operation: half of it is done. Then it is back."""

    at: int


@dataclass(frozen=True, slots=True)
class ButtonHeld:
    """Somebody held BOOT when the board was plugged in."""


@dataclass(frozen=True, slots=True)
class Deaf:
    """A ROM that hears nothing while it works: no chip that we know is so, one might be."""


@dataclass(frozen=True, slots=True)
class LateStub:
    """A stub whose greeting takes its time: as a busy machine makes it come late."""

    seconds: float = 0.3


@dataclass(frozen=True, slots=True)
class Locked:
    """A chip in whose eFuses something is locked, as its GET_SECURITY_INFO says it."""

    flags: int = 0
    """Bit 0: secure boot; bit 2: Secure Download Mode."""
    crypt_count: int = 0
    """SPI_BOOT_CRYPT_CNT: an odd number of ones is flash encryption."""


LineFault = Dropped | Doubled | Garbled
PortFault = Vanished | Renamed
Lasting = Deaf | LateStub | Locked
Fault = LineFault | Stalled | PortFault | StubDied | StuckSector | PowerLost | ButtonHeld | Lasting
KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        Dropped, Doubled, Garbled, Stalled, Vanished, StubDied, StuckSector, PowerLost, ButtonHeld,
        Renamed, Deaf, LateStub, Locked,
    )
}  # fmt: skip


# --- schedules -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a visit to the board goes: places of drawn faults lie within it."""

    to_chip: int = 20_000
    """Bytes; the upload of the stub takes the first 8000 or so."""
    to_host: int = 1500
    commands: int = 12
    operations: int = 10
    sectors: tuple[int, int] = (0x10, 0x18)
    """The first sector, and the one behind the last, that may get stuck."""


def draw(kind: str, rng: random.Random, extent: Extent = Extent()) -> Fault:
    """Return a fault of a kind (a key of KINDS) at a random place."""
    match kind:
        case "Vanished":
            return Vanished(rng.randrange(extent.to_chip), rng.uniform(0.05, 0.5))
        case "Renamed":
            return Renamed(rng.randrange(extent.to_chip), rng.uniform(0.05, 0.5))
        case "StubDied":
            return StubDied(rng.randrange(extent.commands))
        case "StuckSector":
            return StuckSector(rng.randrange(*extent.sectors) * SECTOR, rng.choice((None, 1, 2)))
        case "PowerLost":
            return PowerLost(rng.randrange(extent.operations))
        case "ButtonHeld":
            return ButtonHeld()
        case "Deaf" | "LateStub" | "Locked":
            lasting: Fault = KINDS[kind]()
            return lasting
    to: Way = rng.choice(("chip", "host"))
    at = rng.randrange(extent.to_chip if to == "chip" else extent.to_host)
    if kind == "Stalled":
        return Stalled(at, to, rng.uniform(0.05, 4.0))
    made: LineFault = KINDS[kind](at, to, rng.choice((1, 1, 1, 2, 8, 60)))
    return made


def to_json(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    """Return faults as plain data."""
    return [{"kind": type(fault).__name__, **asdict(fault)} for fault in faults]


def from_json(data: Iterable[dict[str, Any]]) -> list[Fault]:
    """Return the faults that `to_json` wrote."""
    return [KINDS[fields.pop("kind")](**fields) for fields in map(dict, data)]


# --- the flash -----------------------------------------------------------------------------


class Blackout(Exception):
    """Power is gone in the middle of a flash operation."""


class FaultyNor(Nor):
    """A flash with stuck sectors, in which power may be lost."""

    def __init__(
        self, memory: Any, faults: Sequence[Fault], log: Callable[[str], None] = print
    ) -> None:
        super().__init__(memory)
        self._log = log
        self._stuck = {f.address // SECTOR: f.times for f in faults if isinstance(f, StuckSector)}
        self._blackouts = {f.at for f in faults if isinstance(f, PowerLost)}
        self._operations = 0

    def erase(self, address: int, unit: int) -> None:
        """As Nor.erase."""
        if self._goes_dark():
            self._memory[address : address + unit // 2] = b"\xff" * (unit // 2)
            raise Blackout
        super().erase(address, unit)

    def program(self, address: int, data: bytes) -> None:
        """As Nor.program."""
        if self._goes_dark():
            super().program(address, data[: len(data) // 2])
            raise Blackout
        super().program(address, self._as_stuck(address, data))

    def _goes_dark(self) -> bool:
        dark = self._operations in self._blackouts
        self._operations += 1
        if dark:
            self._log("fault: power lost")
        return dark

    def _as_stuck(self, address: int, data: bytes) -> bytes:
        """Return what is programmed of `data`: ones do nothing."""
        kept = bytearray(data)
        first, last = address // SECTOR, (address + len(data) - 1) // SECTOR
        for sector in [s for s in self._stuck if first <= s <= last]:
            start = max(sector * SECTOR - address, 0)
            end = min((sector + 1) * SECTOR - address, len(data))
            kept[start:end] = b"\xff" * (end - start)
            self._wear(sector)
        return bytes(kept)

    def _wear(self, sector: int) -> None:
        self._log(f"fault: sector {sector:#x} does not program")
        times = self._stuck[sector]
        if times == 1:
            del self._stuck[sector]
        elif times is not None:
            self._stuck[sector] = times - 1


# --- the line ------------------------------------------------------------------------------


class FaultyLine:
    """One direction of the line."""

    def __init__(
        self, faults: Sequence[Fault], to: Way, rng: random.Random, log: Callable[[str], None]
    ) -> None:
        self._faults = sorted(
            (
                f
                for f in faults
                if isinstance(f, Dropped | Doubled | Garbled | Stalled) and f.to == to
            ),
            key=lambda fault: fault.at,
        )
        self._rng = rng
        self._log = log
        self._passed = 0
        self._late = bytearray()
        self.late_until: float | None = None

    def carry(self, data: bytes, now: float) -> bytes:
        """Return what arrives now when `data` is sent now, late bytes before it."""
        arrived = bytearray()
        if self.late_until is not None and self.late_until <= now:
            self.late_until = None
            arrived, self._late = self._late, bytearray()
        for byte in data:
            carried = self._carry_byte(byte, now)
            late = self._late if self.late_until is not None else arrived
            late += carried
        return bytes(arrived)

    def clear(self) -> None:
        """Drop what has not arrived."""
        self._late.clear()

    def _carry_byte(self, byte: int, now: float) -> bytes:
        here = self._passed
        self._passed += 1
        while self._faults and self._faults[0].at + getattr(self._faults[0], "count", 1) <= here:
            self._faults.pop(0)
        if not self._faults or self._faults[0].at > here:
            return bytes((byte,))
        return self._spoil(self._faults[0], byte, now)

    def _spoil(self, fault: LineFault | Stalled, byte: int, now: float) -> bytes:
        if self._passed == fault.at + 1:
            self._log(f"fault: {fault}")
        match fault:
            case Dropped():
                return b""
            case Doubled():
                return bytes((byte, byte))
            case Garbled():
                return bytes((byte ^ self._rng.randrange(1, 256),))
        self.late_until = now + fault.seconds
        return bytes((byte,))


class DyingStub(StubLoader):
    """A stub that stops answering at some frame; `left` is shared by all of a board's stubs."""

    def __init__(self, chip: Chip, left: list[int], log: Callable[[str], None]) -> None:
        super().__init__(chip)
        self._left = left
        self._log = log
        self._dead = False

    def receive(self, frame: bytes, now: float) -> list[Timed]:
        """As StubLoader.receive, as long as it lives."""
        if self._left and self._left[0] == 0:
            self._left.pop(0)
            self._dead = True
            self._log("fault: the stub died")
        elif self._left:
            self._left[0] -= 1
        return [] if self._dead else super().receive(frame, now)


class FaultyBoard(Board):
    """A board on a faulty line, with a faulty flash. `vanish` is told how its port goes away."""

    def __init__(
        self,
        nor: FaultyNor,
        faults: Sequence[Fault],
        seed: int,
        *,
        personality: Personality,
        vanish: Callable[[PortFault], None],
        log: Callable[[str], None],
        **others: Any,
    ) -> None:
        kind = _with_deaf_rom(_with_dying_stub(personality, faults, log), faults, log)
        kind = _locked(_with_late_stub(kind, faults), faults)
        super().__init__(kind.cpu(nor.read), nor, personality=kind, log=log, **others)
        self._fault_log = log
        self._vanish = vanish
        self._vanishings = sorted(
            (f for f in faults if isinstance(f, PortFault)), key=lambda fault: fault.at
        )
        self._button = any(isinstance(f, ButtonHeld) for f in faults)
        self._sent = 0
        rng = random.Random(seed)
        self._line_to_chip = FaultyLine(faults, "chip", rng, log)
        self._line_to_host = FaultyLine(faults, "host", rng, log)

    def power_on(self, now: float) -> None:
        """As Board.power_on; who holds the button lets it go then."""
        self.hold_button(self._button, now)
        super().power_on(now)
        self.hold_button(False, now)
        self._button = False

    def receive(self, data: bytes, now: float) -> None:
        """As Board.receive."""
        super().receive(self._line_to_chip.carry(data, now), now)
        self._sent += len(data)
        if self._vanishings and self._vanishings[0].at < self._sent:
            fault = self._vanishings.pop(0)
            self._fault_log(f"fault: {fault}")
            self._vanish(fault)

    def set_lines(self, dtr: bool, rts: bool, now: float) -> None:
        """As Board.set_lines."""
        self._survive(lambda: super(FaultyBoard, self).set_lines(dtr, rts, now), now)

    def set_baud(self, baud: int, now: float) -> None:
        """As Board.set_baud."""
        self._survive(lambda: super(FaultyBoard, self).set_baud(baud, now), now)

    def drop_unsent(self) -> None:
        """As Board.drop_unsent."""
        self._line_to_chip.clear()
        super().drop_unsent()

    @property
    def deadline(self) -> float | None:
        """As Board.deadline."""
        times = (
            super().deadline,
            self._line_to_chip.late_until,
            self._line_to_host.late_until,
        )
        return min((time for time in times if time is not None), default=None)

    def poll(self, now: float) -> bytes:
        """As Board.poll."""
        if late := self._line_to_chip.carry(b"", now):
            super().receive(late, now)
        heard: list[bytes] = []
        self._survive(lambda: heard.append(super(FaultyBoard, self).poll(now)), now)
        return self._line_to_host.carry(b"".join(heard), now)

    def _survive(self, work: Callable[[], None], now: float) -> None:
        try:
            work()
        except Blackout:
            self.power_off()
            super().power_on(now)


def _with_dying_stub(
    kind: Personality, faults: Sequence[Fault], log: Callable[[str], None]
) -> Personality:
    """Return a board whose stub, of the chip's own type, dies where a fault says so."""
    deaths = [fault.at for fault in faults if isinstance(fault, StubDied)]
    if not deaths:
        return kind
    assert isinstance(kind.stub, type)
    dying = type("Dying", (DyingStub, kind.stub), {})
    return replace(kind, stub=lambda chip: dying(chip, deaths, log))


def _with_deaf_rom(
    kind: Personality, faults: Sequence[Fault], log: Callable[[str], None]
) -> Personality:
    """Return a board whose ROM, of the chip's own type, loses what comes while it works."""
    if not any(isinstance(fault, Deaf) for fault in faults):
        return kind
    assert isinstance(kind.rom, type)

    def has_room(_rom: Loader, _waiting: Sequence[Waiting]) -> bool:
        log("fault: not heard")
        return False

    return replace(kind, rom=type("DeafRom", (kind.rom,), {"_has_room": has_room}))


def _with_late_stub(kind: Personality, faults: Sequence[Fault]) -> Personality:
    """Return a board whose stub, of the chip's own type, greets late, if a fault says so."""
    seconds = sum(fault.seconds for fault in faults if isinstance(fault, LateStub))
    if not seconds:
        return kind
    assert isinstance(kind.stub, type)
    stub: type[StubLoader] = kind.stub

    def greet(self: StubLoader, now: float) -> list[Timed]:
        return stub.greet(self, now + seconds)

    return replace(kind, stub=type("LateStubLoader", (stub,), {"greet": greet}))


def _locked(kind: Personality, faults: Sequence[Fault]) -> Personality:
    """Return a board with a chip that is locked, if a fault says so."""
    for lock in (fault for fault in faults if isinstance(fault, Locked)):
        assert isinstance(kind.rom, type)
        told = struct.pack("<IB", lock.flags, lock.crypt_count) + kind.layout.security_info[5:]
        kind = replace(kind, layout=replace(kind.layout, security_info=told))
        if lock.flags & _SECURE_DOWNLOAD:
            table = {code: kind.rom.table[code] for code in _LEFT}
            kind = replace(kind, rom=type("SecureRom", (kind.rom,), {"table": table}))
    return kind


_SECURE_DOWNLOAD = 1 << 2
_LEFT = (
    Opcode.SYNC, Opcode.GET_SECURITY_INFO, Opcode.CHANGE_BAUDRATE, Opcode.SPI_ATTACH,
    Opcode.SPI_SET_PARAMS, Opcode.FLASH_BEGIN, Opcode.FLASH_DATA, Opcode.FLASH_END,
)  # fmt: skip
"""What Secure Download Mode leaves (esptool docs, "Secure Download Mode": no memory, no digests)."""
