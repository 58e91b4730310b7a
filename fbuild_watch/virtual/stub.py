"""The stub loader that esptool uploads, as its version 2 behaves.

Version 1, which esptool calls deprecated, is given the same behaviour; it answers unknown commands
with another code.

Rules (esptool docs, "Serial Protocol"; esp-flasher-stub)
- Two status bytes: the error code (0: done) and 0.
- A data block is acknowledged when it has been received whole; it is written after that, while
  the next one is on the line. An error of that work is the answer to the next command, which
  is then not carried out.
- Flash is erased as the data comes: the next sector, or block where one fits, is erased while
  the loader goes on; a write waits for the erases it needs.
- It has two buffers: while it works on one frame it takes one other; a third is lost.
- A digest is 16 raw bytes. READ_FLASH sends the data in packets of its own, one at a time,
  each acknowledged with the number of bytes that have come; an MD5 of all of it ends it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.inflate import WINDOW, BadStream, Inflater
from fbuild_watch.virtual.loader import (
    SHARED,
    Chip,
    Codes,
    Command,
    Loader,
    Refused,
    Restart,
    Send,
    Timed,
    Waiting,
)
from fbuild_watch.virtual.nor import SECTOR, OutOfRange, erase_units
from fbuild_watch.virtual.protocol import Opcode, Request, StubError

GREETING = b"OHAI"
BLOCK_LIMIT = 0x4000
ADLER32_SIZE = 4


@dataclass(slots=True)
class Write:
    """A flash write under way: bytes still to come, and the erases still to be begun."""

    address: int
    remaining: int
    inflater: Inflater | None
    erases: list[tuple[int, int]]
    """(address, unit), the next one last."""


@dataclass(slots=True)
class Read:
    """A READ_FLASH under way: where the next packet comes from, and what is still to be sent."""

    address: int
    size: int
    packet: int
    unsent: int
    digest: hashlib._Hash


class StubLoader(Loader):
    """The loader that runs after its upload, until the next reset."""

    codes = Codes(
        unknown=StubError.INVALID_COMMAND,
        bad_length=StubError.BAD_DATA_LEN,
        bad_checksum=StubError.BAD_DATA_CHECKSUM,
        not_begun=StubError.NOT_IN_FLASH_MODE,
        too_much=StubError.TOO_MUCH_DATA,
        bad_stream=StubError.INFLATE_ERROR,
        flash_failed=StubError.FAILED_SPI_OP,
    )
    sync_value = 0

    def __init__(self, chip: Chip) -> None:
        super().__init__(chip)
        chip.registers.spi.attached = True
        self._write: Write | None = None
        self._read: Read | None = None
        self._late_error = 0

    def greet(self, now: float) -> list[Timed]:
        """Return what the stub says when it starts."""
        self._time = now
        return [Timed(now, Send(GREETING))]

    def receive(self, frame: bytes, now: float) -> list[Timed]:
        """As Loader.receive; during a READ_FLASH a frame is an acknowledgement."""
        if self._read is None:
            return super().receive(frame, now)
        self._time = max(self._time, now)
        self._acknowledged(self._read, frame)
        effects, self._effects = self._effects, []
        return effects

    def _status(self, code: int) -> bytes:
        return bytes((code, 0))

    def _has_room(self, waiting: Sequence[Waiting]) -> bool:
        return len(waiting) <= 1

    def _dispatch(self, request: Request) -> None:
        late, self._late_error = self._late_error, 0
        self._require(not late, late)
        super()._dispatch(request)

    def _afterwards(self, work: Callable[[], None]) -> None:
        """Do what the stub does after its answer; an error waits for the next command."""
        try:
            work()
        except Refused as refused:
            self._late_error = refused.code
        except OutOfRange:
            self._late_error = self.codes.flash_failed
        except BadStream:
            self._late_error = self.codes.bad_stream

    # --- writing ---

    def flash_begin(self, request: Request) -> None:
        """Size, number of blocks, block size, address, encrypted."""
        self._begin(request, None)

    def flash_defl_begin(self, request: Request) -> None:
        """As FLASH_BEGIN; the size is that of the decompressed data."""
        self._begin(request, Inflater())

    def _begin(self, request: Request, inflater: Inflater | None) -> None:
        size, _, block_size, address = request.words(4)
        self._require(block_size <= BLOCK_LIMIT, StubError.BAD_BLOCKSIZE)
        encrypted = len(request.data) >= 20 and request.words(5)[4]
        self._require(not encrypted, StubError.FAILED_SPI_OP)  # no key is burnt
        self.chip.flash.nor.read(address, size)
        erases = list(erase_units(address, size))[::-1]
        self._write = Write(address, size, inflater, erases)
        self._erase_next(self._write)
        self._reply(request)

    def flash_data(self, request: Request) -> None:
        """A block as it is; what exceeds the size is padding."""
        data = self._block(request)
        write = self._begun(compressed=False)
        self._reply(request)
        self._afterwards(lambda: self._program(write, data[: write.remaining]))

    def flash_defl_data(self, request: Request) -> None:
        """A piece of the compressed stream."""
        data = self._block(request)
        write = self._begun(compressed=True)
        finished = not write.remaining and len(data) > ADLER32_SIZE
        self._require(not finished, self.codes.too_much)
        self._reply(request)
        self._afterwards(lambda: self._inflate(write, data))

    def _begun(self, *, compressed: bool) -> Write:
        write = self._write
        if write is None or (write.inflater is not None) != compressed:
            raise Refused(self.codes.not_begun)
        return write

    def _inflate(self, write: Write, data: bytes) -> None:
        assert write.inflater is not None
        self._erase_next(write)
        for window in write.inflater.feed(data):
            self._program(write, window)
            if len(window) == WINDOW:
                self._erase_next(write)

    def _program(self, write: Write, data: bytes) -> None:
        self._require(len(data) <= write.remaining, self.codes.too_much)
        end = write.address + len(data)
        while write.erases and write.erases[-1][0] < end:
            self._erase_next(write)
        self._time = self.chip.flash.program(write.address, data, self._time)
        write.address = end
        write.remaining -= len(data)

    def _erase_next(self, write: Write) -> None:
        if write.erases:
            address, unit = write.erases.pop()
            self._time = self.chip.flash.start_erase(address, unit, self._time)

    def flash_end(self, request: Request) -> None:
        """0: reset the chip, whose ROM loader then answers; 1: stay."""
        (stay,) = request.words(1)
        write = self._begun(compressed=request.opcode == Opcode.FLASH_DEFL_END)
        self._require(not write.remaining, self.codes.bad_length)
        self._write = None
        self._reply(request)
        if not stay:
            self._do(Restart(ResetCause.RTC_SW_SYS))

    # --- erasing ---

    def erase_flash(self, request: Request) -> None:
        """All of it."""
        self._erase(request, 0, self.chip.flash.nor.size)

    def erase_region(self, request: Request) -> None:
        """Address and size, multiples of a sector."""
        address, size = request.words(2)
        self._require(not address % SECTOR and not size % SECTOR, self.codes.bad_length)
        self._erase(request, address, size)

    def _erase(self, request: Request, address: int, size: int) -> None:
        self._time = self.chip.flash.erase(address, size, self._time)
        self._reply(request)

    # --- reading ---

    def spi_flash_md5(self, request: Request) -> None:
        """Address, size, 0, 0."""
        address, size, _, _ = request.words(4)
        digest, self._time = self.chip.flash.digest(address, size, self._time)
        self._reply(request, body=digest)

    def read_flash(self, request: Request) -> None:
        """Address, size, packet size, packets in flight (the stub sends one at a time)."""
        address, size, packet, _ = request.words(4)
        self._require(0 < packet <= SECTOR, self.codes.bad_length)
        self.chip.flash.nor.read(address, size)
        self._reply(request)
        digest = hashlib.md5(usedforsecurity=False)
        self._read = Read(address, size, packet, size, digest)
        self._send_next(self._read)

    def _acknowledged(self, read: Read, frame: bytes) -> None:
        """A frame that is no acknowledgement ends the read."""
        acknowledgement = len(frame) == 4
        received = int.from_bytes(frame, "little")
        if acknowledgement and received < read.size and read.unsent:
            self._send_next(read)
        elif not acknowledgement or received >= read.size:
            self._end_read(read)

    def _send_next(self, read: Read) -> None:
        size = min(read.packet, read.unsent)
        if not size:
            self._end_read(read)
            return
        data, self._time = self.chip.flash.read(read.address, size, self._time)
        read.digest.update(data)
        read.address += size
        read.unsent -= size
        self._do(Send(data))

    def _end_read(self, read: Read) -> None:
        self._read = None
        self._do(Send(read.digest.digest()))

    # --- the rest ---

    def spi_set_params(self, request: Request) -> None:
        """The stub works with the size that the flash really has."""
        self._reply(request)

    def run_user_code(self, request: Request) -> None:
        """Known, not answered and without effect on this chip (esp-flasher-stub)."""

    def flash_encrypt_data(self, request: Request) -> None:
        """Without a key there is nothing to encrypt with."""
        raise Refused(StubError.NOT_IMPLEMENTED)

    table: ClassVar[Mapping[int, Command]] = {
        **SHARED,
        Opcode.SPI_SET_PARAMS: Command(spi_set_params, (24,)),
        Opcode.FLASH_BEGIN: Command(flash_begin, (16, 20)),
        Opcode.FLASH_DATA: Command(flash_data),
        Opcode.FLASH_END: Command(flash_end, (4,)),
        Opcode.FLASH_DEFL_BEGIN: Command(flash_defl_begin, (16, 20)),
        Opcode.FLASH_DEFL_DATA: Command(flash_defl_data),
        Opcode.FLASH_DEFL_END: Command(flash_end, (4,)),
        Opcode.SPI_FLASH_MD5: Command(spi_flash_md5, (16,)),
        Opcode.ERASE_FLASH: Command(erase_flash, (0,)),
        Opcode.ERASE_REGION: Command(erase_region, (8,)),
        Opcode.READ_FLASH: Command(read_flash, (16,)),
        Opcode.RUN_USER_CODE: Command(run_user_code, (0,)),
        Opcode.FLASH_ENCRYPT_DATA: Command(flash_encrypt_data),
    }


class OldStubLoader(StubLoader):
    """The stub, built for a chip that has no GET_SECURITY_INFO: the ESP8266 and the ESP32."""

    table: ClassVar[Mapping[int, Command]] = {
        code: command
        for code, command in StubLoader.table.items()
        if code != Opcode.GET_SECURITY_INFO
    }
