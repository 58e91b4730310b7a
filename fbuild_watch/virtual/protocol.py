"""The packets of the ESP serial protocol: their layout, names and error codes. No behaviour.

Source: esptool docs, "Serial Protocol"; the stub's codes: esp-flasher-stub `commands.h`.

    request:  0x00, opcode, size (2), checksum (4), data (size)
    response: 0x01, opcode, size (2), value (4), body, status

All numbers are little-endian. The status is 4 bytes from the ROM (two of them reserved) and
2 from the stub.
"""

from __future__ import annotations

import functools
import operator
import struct
from dataclasses import dataclass, field
from enum import IntEnum

HEADER = struct.Struct("<BBHI")

SYNC_DATA = b"\x07\x07\x12\x20" + b"\x55" * 32


class Opcode(IntEnum):
    """The commands that esptool uses."""

    FLASH_BEGIN = 0x02
    FLASH_DATA = 0x03
    FLASH_END = 0x04
    MEM_BEGIN = 0x05
    MEM_END = 0x06
    MEM_DATA = 0x07
    SYNC = 0x08
    WRITE_REG = 0x09
    READ_REG = 0x0A
    SPI_SET_PARAMS = 0x0B
    SPI_ATTACH = 0x0D
    READ_FLASH_SLOW = 0x0E
    CHANGE_BAUDRATE = 0x0F
    FLASH_DEFL_BEGIN = 0x10
    FLASH_DEFL_DATA = 0x11
    FLASH_DEFL_END = 0x12
    SPI_FLASH_MD5 = 0x13
    GET_SECURITY_INFO = 0x14
    ERASE_FLASH = 0xD0
    ERASE_REGION = 0xD1
    READ_FLASH = 0xD2
    RUN_USER_CODE = 0xD3
    FLASH_ENCRYPT_DATA = 0xD4


class RomError(IntEnum):
    """Error codes of the mask ROM's loader."""

    INVALID_MESSAGE = 0x05
    FAILED_TO_ACT = 0x06
    INVALID_CRC = 0x07
    FLASH_WRITE = 0x08
    FLASH_READ = 0x09
    FLASH_READ_LENGTH = 0x0A
    DEFLATE = 0x0B


class StubError(IntEnum):
    """Error codes of the stub loader (the high byte of its 16-bit codes; the low one is 0)."""

    BAD_DATA_LEN = 0xC0
    BAD_DATA_CHECKSUM = 0xC1
    BAD_BLOCKSIZE = 0xC2
    INVALID_COMMAND = 0xC3
    FAILED_SPI_OP = 0xC4
    NOT_IN_FLASH_MODE = 0xC6
    INFLATE_ERROR = 0xC7
    NOT_ENOUGH_DATA = 0xC8
    TOO_MUCH_DATA = 0xC9
    NOT_IMPLEMENTED = 0xFF


@dataclass(frozen=True, slots=True)
class Request:
    """One command packet. `size` is what its header says of `data`'s length."""

    opcode: int
    size: int
    checksum: int
    data: bytes = field(repr=False)

    def words(self, count: int) -> tuple[int, ...]:
        """Return the first `count` 32-bit words of the data."""
        return struct.unpack_from(f"<{count}I", self.data)

    @property
    def name(self) -> str:
        """The command's name, or its number when there is none."""
        try:
            return Opcode(self.opcode).name
        except ValueError:
            return f"command {self.opcode:#04x}"


def parse_request(frame: bytes) -> Request | None:
    """Return the request in a SLIP payload; None: it is none."""
    if len(frame) < HEADER.size:
        return None
    direction, opcode, size, checksum = HEADER.unpack_from(frame)
    if direction != 0:
        return None
    return Request(opcode, size, checksum, frame[HEADER.size :])


def response(opcode: int, value: int, body: bytes, status: bytes) -> bytes:
    """Return the payload of a response packet."""
    return HEADER.pack(1, opcode, len(body) + len(status), value) + body + status


def checksum(data: bytes) -> int:
    """Return the 8-bit checksum that data packets carry."""
    return functools.reduce(operator.xor, data, 0xEF)
