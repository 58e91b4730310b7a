"""For the board's tests: a CPU that remembers what it was asked, hosts that pack packets, a desk."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from fbuild_watch.virtual.board import Board, Mode
from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.loader import Chip, Effect, Loader, Send
from fbuild_watch.virtual.nor import BLOCK, Nor
from fbuild_watch.virtual.personality import ESP32C3, Personality
from fbuild_watch.virtual.protocol import HEADER, SYNC_DATA, Opcode, checksum
from fbuild_watch.virtual.registers import Registers
from fbuild_watch.virtual.slip import Decoder, encode
from fbuild_watch.virtual.spi_flash import SpiFlash
from fbuild_watch.virtual.stubs import StubImage
from fbuild_watch.virtual.timing import FAST, Timing

MAC = bytes.fromhex("02a1b2c3d4e5")
STUB = StubImage(0x40380000, {0x40380000: b"stub code", 0x3FC80000: b"stub data"})


class FakeCpu:
    """A `Cpu` whose firmware echoes its input in upper case."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.ram: dict[int, int] = {}
        self.output = bytearray()
        self.reset_requested: ResetCause | None = None
        self.next_run: float | None = None

    def power_on(self, now: float, cause: ResetCause) -> None:
        self.calls.append(f"power_on {cause.name}")
        self.reset_requested = None
        self.output += b"boot\r\n"

    def load(self, address: int, data: bytes) -> None:
        self.ram.update({address + i: byte for i, byte in enumerate(data)})

    def read_word(self, address: int) -> int | None:
        if address not in self.ram:
            return None
        return int.from_bytes(bytes(self.ram.get(address + i, 0) for i in range(4)), "little")

    def write_word(self, address: int, value: int) -> bool:
        self.load(address, value.to_bytes(4, "little"))
        return True

    def start(self, entry: int, now: float) -> None:
        self.calls.append(f"start {entry:#x}")
        self.output += b"started\r\n"

    def receive(self, data: bytes) -> None:
        self.output += data.upper()

    def run(self, now: float) -> float | None:
        return self.next_run

    def take_output(self) -> bytes:
        output, self.output = bytes(self.output), bytearray()
        return output

    def halt(self) -> None:
        self.calls.append("halt")
        self.ram.clear()


@dataclass(frozen=True)
class Reply:
    """A response packet, taken apart. `status` is what follows the body."""

    opcode: int
    value: int
    data: bytes

    def body(self, status_size: int) -> bytes:
        return self.data[:-status_size]

    def status(self, status_size: int) -> bytes:
        return self.data[-status_size:]


def request(opcode: int, data: bytes = b"", check: int = 0) -> bytes:
    """Return a request packet."""
    return HEADER.pack(0, opcode, len(data), check) + data


def words(opcode: int, *values: int) -> bytes:
    """Return a request whose data is 32-bit words."""
    return request(opcode, struct.pack(f"<{len(values)}I", *values))


def block(opcode: int, data: bytes, sequence: int = 0) -> bytes:
    """Return a data packet with its checksum."""
    return request(opcode, struct.pack("<IIII", len(data), sequence, 0, 0) + data, checksum(data))


def parse_reply(payload: bytes) -> Reply:
    """Take a response packet apart, checking its header."""
    direction, opcode, size, value = HEADER.unpack_from(payload)
    assert direction == 1
    assert size == len(payload) - HEADER.size
    return Reply(opcode, value, payload[HEADER.size :])


def make_chip(flash_blocks: int = 64, timing: Timing = FAST, kind: Personality = ESP32C3) -> Chip:
    """Return an erased chip (4 MB by default) with a fake CPU and a known stub."""
    nor = Nor(bytearray(b"\xff" * BLOCK * flash_blocks))
    registers = Registers(kind.layout, MAC, nor.size)
    return Chip(FakeCpu(), SpiFlash(nor, timing), registers, timing, (STUB,))


class Host:
    """Talks to a loader; times are the loader's own."""

    def __init__(self, loader: Loader, status_size: int) -> None:
        self.loader = loader
        self.status_size = status_size
        self.now = 0.0

    def send(self, frame: bytes) -> list[Effect]:
        """Return the effects of a frame; `now` becomes the time of the last one."""
        timed = self.loader.receive(frame, self.now)
        assert [t.at for t in timed] == sorted(t.at for t in timed)
        self.now = timed[-1].at if timed else self.now
        return [t.effect for t in timed]

    def ask(self, frame: bytes) -> tuple[bytes, bytes]:
        """Return (body, status) of the single reply to a frame."""
        effects = self.send(frame)
        assert len(effects) == 1
        return self.taken_apart(effects[0])

    def taken_apart(self, effect: Effect) -> tuple[bytes, bytes]:
        assert isinstance(effect, Send)
        reply = parse_reply(effect.payload)
        return reply.body(self.status_size), reply.status(self.status_size)

    def value(self, address: int) -> int:
        """Return what READ_REG says of an address."""
        (effect,) = self.send(words(Opcode.READ_REG, address))
        assert isinstance(effect, Send)
        return parse_reply(effect.payload).value


SYNC = encode(request(Opcode.SYNC, SYNC_DATA))
READ_MAGIC = encode(words(Opcode.READ_REG, 0x40001000))


class Desk:
    """A board, its USB cable and a clock that the test moves."""

    def __init__(self, timing: Timing = FAST, kind: Personality = ESP32C3) -> None:
        self.cpu = FakeCpu()
        self.nor = Nor(bytearray(b"\xff" * 64 * BLOCK))
        self.said: list[str] = []
        self.now = 100.0
        self.board = Board(
            self.cpu,
            self.nor,
            timing=timing,
            mac=MAC,
            personality=kind,
            stubs=(STUB,),
            log=self.said.append,
        )
        self.board.power_on(self.now)

    def lines(self, *pairs: tuple[int, int], step: float = 0.06) -> None:
        """Set (DTR, RTS) pairs as a slow network client does."""
        for dtr, rts in pairs:
            self.board.set_lines(bool(dtr), bool(rts), self.now)
            self.heard(step)

    def send(self, data: bytes, wait: float = 0.0) -> bytes:
        """Send bytes and return what is heard until `wait` seconds later."""
        self.board.receive(data, self.now)
        return self.heard(wait)

    def replies(self, data: bytes) -> list[Reply]:
        """Send bytes and return the response packets that come at once."""
        frames = Decoder().feed(self.send(data))
        return [parse_reply(frame) for frame in frames if len(frame) >= HEADER.size]

    def heard(self, wait: float = 0.0) -> bytes:
        """Return what is heard in the next `wait` seconds, polling when the board wants it."""
        end, heard = self.now + wait, b""
        while (due := self.board.deadline) is not None and due <= end:
            self.now = max(self.now, due)
            heard += self.board.poll(self.now)
        self.now = end
        return heard

    def download(self) -> None:
        """Classic reset into download mode, in the order of esptool's."""
        self.lines((0, 0), (0, 1), (1, 1), (1, 0), (0, 0))
        assert self.board.mode is Mode.ROM

    def upload_stub(self) -> bytes:
        self.send(SYNC)
        for address, data in STUB.segments.items():
            self.send(encode(words(Opcode.MEM_BEGIN, len(data), 1, len(data), address)))
            self.send(encode(block(Opcode.MEM_DATA, data)))
        return self.send(encode(words(Opcode.MEM_END, 0, STUB.entry)))
