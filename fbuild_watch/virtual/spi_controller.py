"""The SPI controller that the flash chip hangs on, as far as esptool drives it itself.

esptool asks the flash for its id, its SFDP area and its status by "user commands": it fills the
controller's registers and sets a start bit. Where the registers lie differs from chip to chip.

Rules
- A command is carried out when its start bit is written, at once.
- The flash answers nothing (all ones) until its pins are connected.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

USR_START = 1 << 18
"""SPI_CMD: carry out the user command."""


@dataclass(frozen=True, slots=True)
class SpiLayout:
    """The registers' addresses (technical reference manuals; esptool's `targets`)."""

    cmd: int
    addr: int
    user2: int
    """Its low byte is the command."""
    miso: int
    """The register with the number of bits to read, minus one."""
    miso_shift: int
    miso_mask: int
    w0: int
    end: int
    """Behind the last of its registers; the first is `cmd`."""
    addr_shift: int
    """How far a 24-bit address is shifted: 8 where the controller sends from bit 31 on."""
    jedec: tuple[int, int]
    """Manufacturer and type of the flash part that is common on boards with this chip."""


class SpiController:
    """The controller and the flash chip's answers."""

    def __init__(self, layout: SpiLayout, flash_size: int) -> None:
        self.attached = False
        self._layout = layout
        self._words: dict[int, int] = {}
        self._status = bytearray(3)
        self._id = bytes((*layout.jedec, flash_size.bit_length() - 1))
        self._sfdp = _sfdp(flash_size)

    def owns(self, address: int) -> bool:
        """Whether the address is one of its registers."""
        return self._layout.cmd <= address < self._layout.end

    def read(self, address: int) -> int:
        """Return a register's word."""
        return self._words.get(address, 0)

    def write(self, address: int, value: int) -> None:
        """Set a register; the start bit of SPI_CMD carries out the command."""
        self._words[address] = value
        if address == self._layout.cmd and value & USR_START:
            self._words[address] = 0
            self._carry_out(self.read(self._layout.user2) & 0xFF)

    def _carry_out(self, command: int) -> None:
        layout = self._layout
        bits = self.read(layout.miso) >> layout.miso_shift & layout.miso_mask
        size = bits // 8 + 1
        sent = self.read(layout.w0).to_bytes(4, "little")
        answer = self._answer(command, sent) if self.attached else b""
        padded = answer[:size].ljust(size, b"\xff").ljust(4, b"\0")
        self._words[layout.w0] = int.from_bytes(padded[:4], "little")

    def _answer(self, command: int, sent: bytes) -> bytes:
        """What the flash chip shifts out (JEDEC JESD216 and the XM25QH32 data sheet)."""
        match command:
            case 0x9F:  # RDID
                return self._id
            case 0x5A:  # SFDP
                start = self.read(self._layout.addr) >> self._layout.addr_shift
                return self._sfdp[start & 0xFFFFFF :]
            case 0x05 | 0x35 | 0x15:  # RDSR 1 to 3
                return bytes((self._status[(0x05, 0x35, 0x15).index(command)],))
            case 0x01 | 0x31 | 0x11:  # WRSR 1 to 3
                self._status[(0x01, 0x31, 0x11).index(command)] = sent[0]
        return b""  # write enable, reset enable, reset, power down: no answer, nothing to see


def _sfdp(flash_size: int) -> bytes:
    """Return an SFDP area: header, one parameter header, the basic table's density (JESD216)."""
    header = b"SFDP" + bytes((0, 1, 0, 0xFF))
    table = struct.pack("<II", 0xFFF120E5, flash_size * 8 - 1)
    parameters = bytes((0, 0, 1, len(table) // 4)) + struct.pack("<I", 0x18 | 0xFF << 24)
    return (header + parameters).ljust(0x18, b"\xff") + table
