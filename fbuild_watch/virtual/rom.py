"""The mask ROM's loader in download mode: the ESP32-C3's, and what older chips have of it.

Rules (esptool docs, "Serial Protocol"; esptool's comments where the documentation is silent)
- Four status bytes: failed, error code, two reserved.
- Flash commands work after SPI_ATTACH only, and only within the size of SPI_SET_PARAMS, which
  is 2 MB until it is set.
- Chips before the ESP32-S2 answer a command that they do not know eight times, and not under its
  opcode (esptool `loader.py`, "Unsupported command").
- A write erases its whole region at BEGIN. Each block is read back after it was programmed;
  what differs is a write error, not a silent one.
- A digest is 32 hex characters; a flash read gives at most 64 bytes.
- What comes while it works stays in the UART's FIFO of 128 bytes. (The ROM moves it into a buffer of
  1 KB, RX_BUFF_SIZE in ESP-IDF's `rom/uart.h`; whether at every moment is not documented.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.inflate import BadStream, Inflater
from fbuild_watch.virtual.loader import (
    SHARED,
    Chip,
    Codes,
    Command,
    Loader,
    Refused,
    Restart,
    RunFlash,
    Waiting,
)
from fbuild_watch.virtual.protocol import Opcode, Request, RomError

DEFAULT_FLASH_SIZE = 2 * 1024 * 1024
READ_LIMIT = 64
FIFO_SIZE = 128


@dataclass(slots=True)
class Write:
    """A flash write under way: where the next byte goes and where the erased region ends."""

    address: int
    end: int
    inflater: Inflater | None


class RomLoader(Loader):
    """The loader that answers after a reset with IO9 low."""

    codes = Codes(
        unknown=RomError.INVALID_MESSAGE,
        bad_length=RomError.INVALID_MESSAGE,
        bad_checksum=RomError.INVALID_CRC,
        not_begun=RomError.FAILED_TO_ACT,
        too_much=RomError.INVALID_MESSAGE,
        bad_stream=RomError.DEFLATE,
        flash_failed=RomError.FAILED_TO_ACT,
    )
    flash_limit = DEFAULT_FLASH_SIZE
    sync_value = 0x55201207  # not zero: esptool knows the ROM by it (docs, trace of a SYNC)

    def __init__(self, chip: Chip) -> None:
        super().__init__(chip)
        self._flash_size = self.flash_limit
        self._write: Write | None = None

    def _status(self, code: int) -> bytes:
        return bytes((bool(code), code, 0, 0))

    def _has_room(self, waiting: Sequence[Waiting]) -> bool:
        return sum(frame.size for frame in waiting) <= FIFO_SIZE

    def _require_flash(self, address: int, size: int, code: int) -> None:
        self._require(self.chip.registers.spi.attached or not size, code)
        self._require(address + size <= self._flash_size, code)

    def spi_set_params(self, request: Request) -> None:
        """Id, total size, block size, sector size, page size, status mask."""
        _, self._flash_size, *_ = request.words(6)
        self._reply(request)

    def flash_begin(self, request: Request) -> None:
        """Size to erase, number of blocks, block size, address, encrypted."""
        self._begin(request, None)

    def flash_defl_begin(self, request: Request) -> None:
        """As FLASH_BEGIN; the size is that of the decompressed data."""
        self._begin(request, Inflater())

    def _begin(self, request: Request, inflater: Inflater | None) -> None:
        size, blocks, block_size, address = request.words(4)
        self._refuse_encrypted(request)
        self._require_flash(address, size, RomError.FAILED_TO_ACT)
        self._erase(address, size)
        end = address + (size if inflater else max(size, blocks * block_size))
        self._write = Write(address, end, inflater)
        self._reply(request)

    def _erase(self, address: int, size: int) -> None:
        self._time = self.chip.flash.erase(address, size, self._time)

    def _refuse_encrypted(self, request: Request) -> None:
        """No flash encryption key is burnt into this chip."""
        if len(request.data) >= 20:
            self._require(not request.words(5)[4], RomError.FAILED_TO_ACT)

    def flash_data(self, request: Request) -> None:
        """A block as it is."""
        data = self._block(request)
        self._program(self._begun(compressed=False), data)
        self._reply(request)

    def flash_defl_data(self, request: Request) -> None:
        """A piece of the compressed stream."""
        data = self._block(request)
        write = self._begun(compressed=True)
        assert write.inflater is not None
        try:
            for window in write.inflater.feed(data):
                self._program(write, window)
        except BadStream:
            raise Refused(self.codes.bad_stream) from None
        self._reply(request)

    def _begun(self, *, compressed: bool) -> Write:
        write = self._write
        if write is None or (write.inflater is not None) != compressed:
            raise Refused(self.codes.not_begun)
        return write

    def _program(self, write: Write, data: bytes) -> None:
        self._require(write.address + len(data) <= write.end, self.codes.too_much)
        flash = self.chip.flash
        self._time = flash.program(write.address, data, self._time)
        self._require(flash.nor.read(write.address, len(data)) == data, RomError.FLASH_WRITE)
        write.address += len(data)

    def flash_end(self, request: Request) -> None:
        """0: reset the chip; 1: leave the loader and run what is in flash."""
        (run,) = request.words(1)
        self._begun(compressed=request.opcode == Opcode.FLASH_DEFL_END)
        self._write = None
        self._reply(request)
        self._do(RunFlash() if run else Restart(ResetCause.RTC_SW_SYS))

    def spi_flash_md5(self, request: Request) -> None:
        """Address, size, 0, 0."""
        address, size, _, _ = request.words(4)
        self._require_flash(address, size, RomError.FAILED_TO_ACT)
        digest, self._time = self.chip.flash.digest(address, size, self._time)
        self._reply(request, body=digest.hex().encode())

    def read_flash_slow(self, request: Request) -> None:
        """Address and size; the answer is always 64 bytes long."""
        address, size = request.words(2)
        self._require(size <= READ_LIMIT, RomError.FLASH_READ_LENGTH)
        self._require_flash(address, size, RomError.FLASH_READ)
        data, self._time = self.chip.flash.read(address, size, self._time)
        self._reply(request, body=data.ljust(READ_LIMIT, b"\0"))

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
        Opcode.READ_FLASH_SLOW: Command(read_flash_slow, (8,)),
    }


class OldRomLoader(RomLoader):
    """What the loaders of the ESP8266 and the ESP32 have in common."""

    def __init__(self, chip: Chip) -> None:
        super().__init__(chip)
        self._last_opcode = 0

    def _answer_unknown(self, request: Request) -> None:
        """Under which opcode is not documented; here it is that of the last known command."""
        refused = replace(request, opcode=self._last_opcode)
        for _ in range(self.sync_replies):
            self._reply(refused, code=self.codes.unknown)

    def _reply(self, request: Request, *, value: int = 0, body: bytes = b"", code: int = 0) -> None:
        self._last_opcode = request.opcode
        super()._reply(request, value=value, body=body, code=code)
