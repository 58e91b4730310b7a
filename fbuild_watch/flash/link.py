"""A connection to a loader, ROM or stub: digests, reads and writes, through esptool's commands.

Blocking. Not the connecting (`connect.py`) and not the decisions (`dialogue.py`).

Rules
- The stub is loaded, and the rate raised, when that pays: for a check of a current board they
  never do on chips whose ROM gives digests.
- What is sent to be written is answered by the stub before it is programmed; the next command is
  answered only after that, and carries its error. So no command is sent just to wait.
- A block that is not acknowledged is not sent again: a stream that is inflated cannot take one twice.
- Digests are asked for ahead of the answers, no further than the chip is sure to keep: its UART's
  FIFO of 128 bytes has room for `ROM_AHEAD` questions even while the ROM takes none out (its own
  buffer is larger: RX_BUFF_SIZE in ESP-IDF's `rom/uart.h`); the stub takes one frame while it works
  on another, as it does with every block that is written. An answer does not say to which question:
  one that is missing leaves the last question without one, and that breaks the link.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from fbuild_watch.flash.cost import CostModel, Loader
from fbuild_watch.flash.planner import AskDigest, sectors
from fbuild_watch.model import SECTOR, Device, Md5

MAX_ROM_BAUD = 921600
"""ESP32's ROM guesses its crystal and is flaky above 1 Mbaud (esptool#365)."""

BAUD_CHANGE_S = 0.06
"""What a change of rate takes: esptool waits 50 ms for the noise that it may make."""

STUB_STEPS = 8
"""Questions and answers of a stub's upload and start."""

ROM_READ = 64
"""Bytes of flash that the ROM gives at once."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that an answer may take. Rates are esptool's, for slow boards and worn flash."""

    answer: float = 3.0
    digest_per_mb: float = 8.0
    write_per_mb: float = 40.0
    back_off: float = 0.1
    """Before the first new connection after one that broke; doubled each time."""

    def digest(self, size: int) -> float:
        """The digest of `size` bytes."""
        return self.answer + self.digest_per_mb * size / 1e6

    def write(self, size: int) -> float:
        """Erasing and programming `size` bytes; the stub erases up to a 64 KB block ahead."""
        return self.answer + self.write_per_mb * (size + 2 * 64 * 1024) / 1e6


ROM_AHEAD = 4
"""Questions of 26 bytes, 30 with what SLIP may escape, that are under way in the ROM at once."""

STUB_AHEAD = 2

_MD5 = "SPI_FLASH_MD5"

Sent = Callable[[int, int], None]
"""Told bytes done and bytes to do."""


class Link:
    """A board in its bootloader. `esp` is esptool's object, the ROM's or the stub's."""

    def __init__(
        self,
        esp: Any,
        device: Device,
        costs: CostModel,
        write_baud: int,
        patience: Patience,
        *,
        careful: bool = False,
        ahead: bool = True,
    ) -> None:
        """`costs` with the rate and the round trip as they are now; `careful`: the ROM does not write.

        `ahead`: digests may be asked for before the last answer is there.
        """
        self.esp = esp
        self.device = device
        self._ahead = ahead
        self.costs = replace(costs, in_flight=self.in_flight)
        self._write_baud = write_baud
        self._patience = patience
        self._careful = careful
        self._owed = 0.0
        """Seconds that the work which is acknowledged already may still take."""
        self._packed: dict[int, bytes] = {}
        self.answers_ahead: bool | None = None
        """Whether questions that went ahead all got their answers; None: none did yet."""

    # -- asking -------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Questions that may be under way at once."""
        if not self._ahead:
            return 1
        return STUB_AHEAD if self.esp.IS_STUB else ROM_AHEAD

    def digest(self, offset: int, size: int) -> Md5:
        """The MD5 that the device computes over a range of its flash."""
        question = struct.pack("<IIII", offset, size, 0, 0)
        limit = self._patience.digest(size)
        return self._md5(self._command(_MD5, question, limit, expected=self._md5_size))

    def digests(self, parts: Sequence[AskDigest]) -> tuple[Md5, ...]:
        """The MD5 of each of some ranges, asked for ahead of the answers."""
        if self.in_flight == 1 or self._owed:  # the stub works on a block: it has room for one
            return tuple(self.digest(part.offset, part.size) for part in parts)
        self.answers_ahead = False
        unasked, answers = iter(parts), []
        for part in islice(unasked, self.in_flight):
            self._ask(part)
        for part in parts:
            answers.append(self._answer(part))
            for following in islice(unasked, 1):
                self._ask(following)
        self.answers_ahead = True
        return tuple(answers)

    def _ask(self, part: AskDigest) -> None:
        question = struct.pack("<IIII", part.offset, part.size, 0, 0)
        self.esp.command(self.esp.ESP_CMDS[_MD5], question, wait_response=False)

    def _answer(self, part: AskDigest) -> Md5:
        limit = self._patience.digest(part.size)
        return self._md5(self.esp.check_command(_MD5, resp_data_len=self._md5_size, timeout=limit))

    @property
    def _md5_size(self) -> int:
        return 16 if self.esp.IS_STUB else 32

    def _md5(self, answer: bytes) -> Md5:
        return Md5(answer if self.esp.IS_STUB else bytes.fromhex(answer.decode("ascii")))

    def read(self, offset: int, size: int, progress: Sent | None = None) -> bytes:
        """Bytes of the flash."""
        slow = -(-size // ROM_READ) * self.costs.round_trip
        if slow > self._upload() + self.costs.wire(size):
            self.need_stub()
        told = progress or (lambda _done, _total: None)
        data: bytes = self.esp.read_flash(
            offset, size, lambda done, total, _offset: told(done, total)
        )
        return data

    # -- writing ------------------------------------------------------------------------

    def prepare(self, writes: Sequence[tuple[int, bytes]], *, loader: Loader | None = None) -> None:
        """Load the stub and raise the rate, where that is cheaper for these writes (or asked for)."""
        self._packed = {offset: zlib.compress(data, 9) for offset, data in writes}
        sizes = [
            (offset // SECTOR, sectors(len(data)), len(self._packed[offset]))
            for offset, data in writes
        ]
        ways = [
            (self._cost(sizes, way, baud), way, baud)
            for way in ((loader,) if loader else self._loaders())
            for baud in self._bauds()
        ]
        _, way, baud = min(ways)
        if baud != self.costs.baud:
            self.raise_baud(baud)
        if way == "stub":
            self.need_stub()

    def _loaders(self) -> tuple[Loader, ...]:
        return ("stub",) if self.esp.IS_STUB or self._careful else ("rom", "stub")

    def _bauds(self) -> tuple[int, ...]:
        top = self._write_baud if self.esp.IS_STUB else min(self._write_baud, MAX_ROM_BAUD)
        return (self.costs.baud, top) if top > self.costs.baud else (self.costs.baud,)

    def _cost(self, sizes: Sequence[tuple[int, int, int]], way: Loader, baud: int) -> float:
        costs = replace(self.costs, baud=baud)
        fixed = BAUD_CHANGE_S if baud != self.costs.baud else 0.0
        if way == "stub" and not self.esp.IS_STUB:
            fixed += self._upload(costs)
        return fixed + sum(costs.write(first, count, packed, way) for first, count, packed in sizes)

    def _upload(self, costs: CostModel | None = None) -> float:
        if self.esp.IS_STUB:
            return 0.0
        from esptool.loader import StubFlasher

        costs = costs or self.costs
        stub = StubFlasher(self.esp)
        size = len(stub.text) + len(stub.data or b"")
        return costs.wire(size) + STUB_STEPS * costs.round_trip

    def need_stub(self) -> None:
        """Load the stub, if it does not run."""
        if not self.esp.IS_STUB:
            self.esp = self.esp.run_stub()
            self.set_flash_size()

    def raise_baud(self, baud: int) -> None:
        """Talk at another rate from now on."""
        self.esp.change_baud(baud)
        self.costs = replace(self.costs, baud=baud)

    def set_flash_size(self) -> None:
        """A digest above 2 MB fails on ESP32's ROM without this (esp-serial-flasher#23)."""
        if self.device.flash_size is not None:
            self.esp.flash_set_parameters(self.device.flash_size)

    def write(self, offset: int, data: bytes, progress: Sent | None = None) -> None:
        """Erase the sectors under a range and program it. Returns when all of it is sent."""
        packed = self._packed.pop(offset, None) or zlib.compress(data, 9)
        size = self.esp.FLASH_WRITE_SIZE
        self._begin(offset, len(data), len(packed))
        inflate, done = zlib.decompressobj(), 0
        for number, start in enumerate(range(0, len(packed), size)):
            block = packed[start : start + size]
            grown = len(inflate.decompress(block))
            self._send_block(number, block, grown)
            done += grown
            if progress:
                progress(done, len(data))

    def _begin(self, offset: int, size: int, packed: int) -> None:
        """FLASH_DEFL_BEGIN. The ROM erases now, and wants the size in whole blocks of its own."""
        esp, unit = self.esp, self.esp.FLASH_WRITE_SIZE
        erased = size if esp.IS_STUB else -(-size // unit) * unit
        data = struct.pack("<IIII", erased, -(-packed // unit), unit, offset)
        if esp.IS_STUB or esp.CHIP_NAME not in ("ESP32", "ESP8266"):
            data += struct.pack("<I", 0)  # not encrypted; the first two ROMs take four words only
        self._command("FLASH_DEFL_BEGIN", data, self._patience.write(0 if esp.IS_STUB else size))

    def _send_block(self, number: int, block: bytes, grown: int) -> None:
        data = struct.pack("<IIII", len(block), number, 0, 0) + block
        limit = self._patience.write(grown)
        self._command("FLASH_DEFL_DATA", data, limit, self.esp.checksum(block))
        self._owed = limit if self.esp.IS_STUB else 0.0

    def _command(
        self, name: str, data: bytes, limit: float, checksum: int = 0, *, expected: int = 0
    ) -> Any:
        owed, self._owed = self._owed, 0.0
        return self.esp.check_command(
            name,
            self.esp.ESP_CMDS[name],
            data,
            checksum,
            resp_data_len=expected,
            timeout=limit + owed,
        )
