"""What the two loaders in a chip have in common: packets in, timed effects out.

    Loader
     +- rom.RomLoader      the mask ROM's
     +- stub.StubLoader    esptool's, after its upload

Pure: no port, no clock. A loader is given a frame and the time at which its last byte arrived;
it returns what happens from then on, each effect with its time: packets to send, a new baud
rate, a jump, a reset.

Rules
- A loader does one thing at a time: a frame that arrives while it is busy is dealt with when it
  is done (`_time` is when that will be), if there is room for it until then; else it is lost.
  A handler moves `_time` by what its work costs.
- A handler either returns, which sends the success response unless it sent one itself, or
  raises `Refused` with the error code of the documented protocol.
- Data fields have the documented length or are refused.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from fbuild_watch.virtual.cpu import Cpu, ResetCause
from fbuild_watch.virtual.nor import OutOfRange
from fbuild_watch.virtual.protocol import Opcode, Request, checksum, parse_request, response
from fbuild_watch.virtual.registers import Registers
from fbuild_watch.virtual.slip import encode
from fbuild_watch.virtual.spi_flash import SpiFlash
from fbuild_watch.virtual.stubs import StubImage
from fbuild_watch.virtual.timing import Timing

# --- effects -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """A SLIP payload for the host."""

    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SetBaud:
    """The UART runs at another rate from now on."""

    baud: int


@dataclass(frozen=True, slots=True)
class EnterStub:
    """The uploaded stub takes over."""


@dataclass(frozen=True, slots=True)
class Execute:
    """The CPU runs what was uploaded."""

    entry: int


@dataclass(frozen=True, slots=True)
class Restart:
    """The chip resets itself."""

    cause: ResetCause


@dataclass(frozen=True, slots=True)
class RunFlash:
    """The loader gives up and the ROM boots what is in flash."""


Effect = Send | SetBaud | EnterStub | Execute | Restart | RunFlash


@dataclass(frozen=True, slots=True)
class Timed:
    """An effect and when it happens (seconds)."""

    at: float
    effect: Effect


# --- the chip ------------------------------------------------------------------------------


@dataclass(slots=True)
class Chip:
    """What a loader works on. Lives as long as the board; RAM and registers as they are."""

    cpu: Cpu
    flash: SpiFlash
    registers: Registers
    timing: Timing
    stubs: tuple[StubImage, ...] = ()


class Refused(Exception):
    """The command is answered with an error code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code:#04x}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Codes:
    """The error code that a loader gives for each kind of wrong request."""

    unknown: int
    bad_length: int
    bad_checksum: int
    not_begun: int
    too_much: int
    bad_stream: int
    flash_failed: int


@dataclass(frozen=True, slots=True)
class Command:
    """A handler and the lengths that the data field may have; none: the handler looks itself."""

    handler: Callable[[Any, Request], None]
    lengths: tuple[int, ...] = ()


# --- the loader ----------------------------------------------------------------------------


@dataclass(slots=True)
class RamUpload:
    """The segments of MEM_BEGIN and MEM_DATA since the last MEM_END, by address."""

    segments: dict[int, bytearray] = field(default_factory=dict)
    here: int = 0
    remaining: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A frame that came while the loader was busy."""

    until: float
    size: int
    """Bytes on the line."""


class Loader:
    """The part of the protocol that ROM and stub share."""

    codes: ClassVar[Codes]
    table: ClassVar[Mapping[int, Command]]
    sync_value: ClassVar[int]
    sync_replies = 8

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self._time = 0.0
        self._effects: list[Timed] = []
        self._ram: RamUpload | None = None
        self._waiting: list[Waiting] = []

    def receive(self, frame: bytes, now: float) -> list[Timed]:
        """Return what a frame that is complete at `now` leads to, in order of time."""
        if not self._keeps(frame, now):
            return []
        self._time = max(self._time, now)
        request = parse_request(frame)
        if request is not None:
            self._answer(request)
        effects, self._effects = self._effects, []
        return effects

    def _keeps(self, frame: bytes, now: float) -> bool:
        """Whether a frame can be dealt with now, or kept until the loader is done."""
        self._waiting = [other for other in self._waiting if other.until > now]
        if self._time <= now:
            return True
        waiting = Waiting(self._time, len(encode(frame)))
        room = self._has_room([*self._waiting, waiting])
        if room:
            self._waiting.append(waiting)
        return room

    def _has_room(self, waiting: Sequence[Waiting]) -> bool:
        """Whether so much can wait while the loader is busy."""
        raise NotImplementedError

    def _answer(self, request: Request) -> None:
        try:
            self._dispatch(request)
        except Refused as refused:
            self._reply(request, code=refused.code)
        except OutOfRange:
            self._reply(request, code=self.codes.flash_failed)

    def _dispatch(self, request: Request) -> None:
        command = self.table.get(request.opcode)
        if command is None:
            self._answer_unknown(request)
            return
        self._require(request.size == len(request.data), self.codes.bad_length)
        lengths = command.lengths
        self._require(not lengths or request.size in lengths, self.codes.bad_length)
        command.handler(self, request)

    def _answer_unknown(self, request: Request) -> None:
        """The command is not one of this loader's."""
        raise Refused(self.codes.unknown)

    def _require(self, condition: object, code: int) -> None:
        if not condition:
            raise Refused(code)

    def _status(self, code: int) -> bytes:
        raise NotImplementedError

    def _reply(self, request: Request, *, value: int = 0, body: bytes = b"", code: int = 0) -> None:
        self._do(Send(response(request.opcode, value, body, self._status(code))))

    def _do(self, effect: Effect) -> None:
        self._effects.append(Timed(self._time, effect))

    # --- handlers that both loaders have ---

    def sync(self, request: Request) -> None:
        """SYNC is answered eight times."""
        for _ in range(self.sync_replies):
            self._reply(request, value=self.sync_value)

    def read_reg(self, request: Request) -> None:
        """A register of ours, or a word of the machine; elsewhere nothing answers: 0."""
        (address,) = request.words(1)
        self._reply(request, value=self._peek(address))

    def write_reg(self, request: Request) -> None:
        """One or more of: address, value, mask, delay in microseconds before it."""
        self._require(request.data and not len(request.data) % 16, self.codes.bad_length)
        for address, value, mask, delay in struct.iter_unpack("<IIII", request.data):
            self._time += self.chip.timing.delay(delay * 1e-6)
            kept = self._peek(address) & ~mask if mask != 0xFFFFFFFF else 0
            self._poke(address, value & mask | kept)
        self._reply(request)

    def _peek(self, address: int) -> int:
        value = self.chip.registers.read(address)
        if value is None:
            value = self.chip.cpu.read_word(address)
        return value or 0

    def _poke(self, address: int, value: int) -> None:
        if not self.chip.registers.write(address, value, self._time):
            self.chip.cpu.write_word(address, value)

    def mem_begin(self, request: Request) -> None:
        """Total size, number of blocks, block size, address."""
        size, _, _, address = request.words(4)
        self._ram = self._ram or RamUpload()
        self._ram.segments[address] = bytearray()
        self._ram.here, self._ram.remaining = address, size
        self._reply(request)

    def mem_data(self, request: Request) -> None:
        """A block of a segment goes to RAM."""
        data = self._block(request)
        if self._ram is None:
            raise Refused(self.codes.not_begun)
        self._require(len(data) <= self._ram.remaining, self.codes.too_much)
        written = self._ram.segments[self._ram.here]
        self.chip.cpu.load(self._ram.here + len(written), data)
        written += data
        self._ram.remaining -= len(data)
        self._reply(request)

    def mem_end(self, request: Request) -> None:
        """Execute flag (0: yes) and entry point."""
        stay, entry = request.words(2)
        upload = self._ram
        if upload is None:
            raise Refused(self.codes.not_begun)
        self._ram = None
        self._reply(request)
        if not stay:
            self._do(EnterStub() if self._is_stub(entry, upload) else Execute(entry))

    def _is_stub(self, entry: int, upload: RamUpload) -> bool:
        loaded = {address: bytes(data) for address, data in upload.segments.items()}
        return any(stub.entry == entry and stub.segments == loaded for stub in self.chip.stubs)

    def _block(self, request: Request) -> bytes:
        """Return the payload of a data packet: size, sequence number, 0, 0, then the bytes."""
        self._require(len(request.data) >= 16, self.codes.bad_length)
        (size,) = request.words(1)
        data = request.data[16:]
        self._require(size == len(data), self.codes.bad_length)
        self._require(checksum(data) == request.checksum & 0xFF, self.codes.bad_checksum)
        return data

    def change_baudrate(self, request: Request) -> None:
        """The answer goes out at the old rate."""
        (baud, _) = request.words(2)
        self._require(baud, self.codes.bad_length)
        self._reply(request)
        self._do(SetBaud(baud))

    def spi_attach(self, request: Request) -> None:
        """Connect SPI to pins; the board's flash is at the default ones, which are 0."""
        (pins,) = request.words(1)
        self.chip.registers.spi.attached = not pins
        self._reply(request)

    def security_info(self, request: Request) -> None:
        """Flags, key purposes, chip, revision."""
        self._reply(request, body=self.chip.registers.layout.security_info)


SHARED: Mapping[int, Command] = {
    Opcode.SYNC: Command(Loader.sync, (36,)),
    Opcode.READ_REG: Command(Loader.read_reg, (4,)),
    Opcode.WRITE_REG: Command(Loader.write_reg),
    Opcode.MEM_BEGIN: Command(Loader.mem_begin, (16,)),
    Opcode.MEM_DATA: Command(Loader.mem_data),
    Opcode.MEM_END: Command(Loader.mem_end, (8,)),
    Opcode.CHANGE_BAUDRATE: Command(Loader.change_baudrate, (8,)),
    Opcode.SPI_ATTACH: Command(Loader.spi_attach, (4, 8)),
    Opcode.GET_SECURITY_INFO: Command(Loader.security_info, (0,)),
}
"""The commands that are the same in both. SPI_ATTACH: the ROM takes a second word."""
