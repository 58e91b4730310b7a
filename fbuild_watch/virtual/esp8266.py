"""The ESP8266EX in download mode and at a flash boot.

Sources: esptool's `targets/esp8266.py`; the ROM's text as logs on esp8266.com and in espressif's
issues quote it; traces in esptool#397 and esptool#620.

Rules
- Two status bytes. No SPI_ATTACH (FLASH_BEGIN does it), no CHANGE_BAUDRATE, no digests, no
  compressed writes, no flash read: all that is the stub's.
- The ROM was made for a 40 MHz crystal and boards have 26 MHz: it boots at 74880 baud.
- Its erase counts the sectors up to the first block boundary twice.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import ClassVar

from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.firmware_image import (
    MAGIC,
    MAX_SEGMENTS,
    Boot,
    ReadFlash,
    Segment,
    checksum_of,
    end_of,
    read_segments,
    text_of,
)
from fbuild_watch.virtual.loader import Command, RunFlash
from fbuild_watch.virtual.nor import BLOCK, SECTOR
from fbuild_watch.virtual.protocol import Opcode, Request
from fbuild_watch.virtual.registers import ROM_MAGIC, Layout
from fbuild_watch.virtual.rom import OldRomLoader, RomLoader
from fbuild_watch.virtual.spi_controller import SpiLayout
from fbuild_watch.virtual.stub import OldStubLoader
from fbuild_watch.virtual.uart_clock import UartClock

BOOT_BAUD = 74880
XTAL_HZ = 26_000_000

# --- registers ---

OTP = 0x3FF00050
SPI0 = 0x60000200
JEDEC_WINBOND = (0xEF, 0x40)


def efuses(mac: bytes) -> dict[int, int]:
    """Return the four OTP words: the MAC in three of them; no embedded flash (that is ESP8285)."""
    words = (
        mac[5] << 24,
        0x02 << 24 | mac[3] << 8 | mac[4],
        0xF200B000,
        mac[0] << 16 | mac[1] << 8 | mac[2],
    )
    return {OTP + 4 * i: word for i, word in enumerate(words)}


LAYOUT = Layout(
    uart=UartClock(hz=2 * XTAL_HZ, clkdiv=0x60000014, whole=0xFFFFF, sixteenths=False),
    spi=SpiLayout(
        cmd=SPI0,
        addr=SPI0 + 0x04,
        user2=SPI0 + 0x24,
        miso=SPI0 + 0x20,
        miso_shift=8,
        miso_mask=0x1FF,
        w0=SPI0 + 0x40,
        end=SPI0 + 0x80,
        addr_shift=8,
        jedec=JEDEC_WINBOND,
    ),
    words={ROM_MAGIC: 0xFFF0C101},
    efuses=efuses,
)

# --- loaders ---


class Esp8266Rom(OldRomLoader):
    """The mask ROM's loader."""

    flash_limit = 1 << 24  # what 24 address bits reach: the ROM does not know the flash's size

    def _status(self, code: int) -> bytes:
        return bytes((bool(code), code))

    def flash_begin(self, request: Request) -> None:
        """Size to erase, number of blocks, block size, address. Connects the flash first."""
        self.chip.registers.spi.attached = True
        super().flash_begin(request)

    def _erase(self, address: int, size: int) -> None:
        """Erase more than was asked for (esptool `get_erase_size`), to the flash's end at most."""
        wanted = -(-size // SECTOR)
        to_boundary = (BLOCK - address % BLOCK) // SECTOR
        erased = (wanted + min(wanted, to_boundary)) * SECTOR
        end = min(address + erased, self.chip.flash.nor.size)
        super()._erase(address, max(end - address, size))

    table: ClassVar[Mapping[int, Command]] = {
        **{c: command for c, command in RomLoader.table.items() if c <= Opcode.READ_REG},
        Opcode.FLASH_BEGIN: Command(flash_begin, (16,)),
    }


class Esp8266Stub(OldStubLoader):
    """The stub: the only one that can leave for the firmware."""

    def run_user_code(self, request: Request) -> None:
        """Not answered: the ROM boots from flash."""
        self._do(RunFlash())

    table: ClassVar[Mapping[int, Command]] = {
        **OldStubLoader.table,
        Opcode.RUN_USER_CODE: Command(run_user_code, (0,)),
    }


# --- what the ROM prints ---

CAUSES = {
    ResetCause.POWERON: 2,  # DTR and RTS pull the reset pin: "external system"
    ResetCause.RTC_SW_SYS: 3,
    ResetCause.RTC_SW_CPU: 3,
    ResetCause.RTCWDT_RTC: 4,
}
"""As the ESP8266 technical reference numbers them."""

_HEADER = struct.Struct("<BBBBI")
_FIFO = 16
"""The ROM reads the flash 16 bytes at a time: its "room" and "tail" count within them."""


def _banner(cause: ResetCause, mode: str) -> list[str]:
    return ["", f" ets Jan  8 2013,rst cause:{CAUSES.get(cause, 1)}, boot mode:({mode})", ""]


def download_banner(cause: ResetCause) -> str:
    """Return what it says with GPIO0 low; it waits without a word more."""
    return text_of(_banner(cause, "1,7")).decode()


def boot(read_flash: ReadFlash, cause: ResetCause) -> Boot:
    """Do what the ROM does with GPIO0 high, up to the jump."""
    lines = _banner(cause, "3,7")
    header = read_flash(0, _HEADER.size)
    if len(header) < _HEADER.size or header[0] != MAGIC or header[1] > MAX_SEGMENTS:
        return Boot(text_of([*lines, "ets_main.c "]))
    _, count, _, _, entry = _HEADER.unpack(header)
    segments = read_segments(read_flash, _HEADER.size, count)
    lines += _load_lines(segments)
    stored = read_flash(end_of(_HEADER.size, segments) - 1, 1)
    lines.append(f"csum {int.from_bytes(stored, 'little'):#04x}")
    if stored != bytes((checksum_of(segments),)):
        return Boot(text_of([*lines, "csum err", "ets_main.c "]))
    loaded = tuple((segment.address, segment.data) for segment in segments)
    return Boot(text_of(lines), loaded, entry)


def _load_lines(segments: list[Segment]) -> list[str]:
    lines = []
    position = _HEADER.size
    for number, segment in enumerate(segments):
        position += 8
        room = -position % _FIFO or (0 if number else _FIFO)
        tail = (segment.length - room) % _FIFO
        position += segment.length
        lines += [
            f"load {segment.address:#010x}, len {segment.length}, room {room} ",
            f"tail {tail}",
            f"chksum {checksum_of(segments[: number + 1]):#04x}",
        ]
    return lines
