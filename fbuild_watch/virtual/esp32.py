"""The ESP32 (D0WD-V3) in download mode and at a flash boot: where it differs from later chips.

Sources: ESP32 technical reference manual; esptool's `targets/esp32.py`; the ROM's text as logs on
esp32.com and in espressif's issues quote it.

Rules
- No GET_SECURITY_INFO, no fifth word in FLASH_BEGIN: both came with the ESP32-S2.
- The ROM takes the crystal for what its calibration says, some 4 % off, and makes every rate that
  CHANGE_BAUDRATE asks for wrong by as much; esptool asks for a rate that comes out right.
- The image starts at 0x1000.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import ClassVar

from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.firmware_image import (
    HEADER,
    INVALID_HEADER_LINES,
    Boot,
    ReadFlash,
    checksum_of,
    end_of,
    invalid_header,
    load_lines,
    mode_line,
    read_segments,
    text_of,
)
from fbuild_watch.virtual.loader import Command, SetBaud
from fbuild_watch.virtual.protocol import Opcode, Request
from fbuild_watch.virtual.registers import ROM_MAGIC, Layout
from fbuild_watch.virtual.rom import OldRomLoader, RomLoader
from fbuild_watch.virtual.spi_controller import SpiLayout
from fbuild_watch.virtual.uart_clock import UartClock

IMAGE_OFFSET = 0x1000
XTAL_HZ = 40_000_000

# --- registers ---

EFUSE = 0x3FF5A000
PACKAGE = 1
"""D0WD."""
REVISION_3 = (1 << 15, 1 << 20, 1 << 31)
"""Major revision 3: a bit each in eFuse words 3 and 5 and in the APB controller's date."""
MINOR = 1
RATED_240_MHZ = 1 << 13
CK8M_FREQ = 52
"""eFuse: the frequency of the internal 8 MHz oscillator, in units of the calibration."""
CALIBRATION = 1896
"""What the ROM measured of it; with CK8M_FREQ it makes 38.5 MHz of a 40 MHz crystal."""
GUESSED_XTAL_HZ = CALIBRATION * 15625 * CK8M_FREQ / 40

SPI1 = 0x3FF42000
JEDEC_GIGADEVICE = (0xC8, 0x40)


def efuses(mac: bytes) -> dict[int, int]:
    """Return BLOCK0: MAC with its CRC, package, wafer version, clock; no key, no lock."""
    (low,) = struct.unpack(">I", mac[2:])
    high = crc8(mac) << 16 | mac[0] << 8 | mac[1]
    word3 = PACKAGE << 9 | RATED_240_MHZ | REVISION_3[0]
    word5 = REVISION_3[1] | MINOR << 24
    words = (0, low, high, word3, CK8M_FREQ, word5, 0)
    return {EFUSE + 4 * i: word for i, word in enumerate(words)}


def crc8(data: bytes) -> int:
    """Return the CRC that is burnt beside the MAC: polynomial 0x8C, reflected (ROM `esp_crc8`)."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8C if crc & 1 else 0)
    return crc


LAYOUT = Layout(
    uart=UartClock(hz=XTAL_HZ, clkdiv=0x3FF40014, whole=0xFFFFF),
    spi=SpiLayout(
        cmd=SPI1,
        addr=SPI1 + 0x04,
        user2=SPI1 + 0x24,
        miso=SPI1 + 0x2C,
        miso_shift=0,
        miso_mask=0x3FF,
        w0=SPI1 + 0x80,
        end=SPI1 + 0xC0,
        addr_shift=8,
        jedec=JEDEC_GIGADEVICE,
    ),
    words={
        ROM_MAGIC: 0x00F01D83,
        0x3FF6607C: REVISION_3[2] | 0x16042000,  # APB_CTRL_DATE
        0x3FF5F06C: CALIBRATION << 7,  # TIMG0_RTCCALICFG1
    },
    efuses=efuses,
)

# --- loaders ---


class Esp32Rom(OldRomLoader):
    """The mask ROM's loader."""

    def change_baudrate(self, request: Request) -> None:
        """The rate comes out wrong by the error of the ROM's guess."""
        (baud, _) = request.words(2)
        self._require(baud, self.codes.bad_length)
        self._reply(request)
        self._do(SetBaud(round(baud * XTAL_HZ / GUESSED_XTAL_HZ)))

    table: ClassVar[Mapping[int, Command]] = {
        **{c: command for c, command in RomLoader.table.items() if c < Opcode.GET_SECURITY_INFO},
        Opcode.FLASH_BEGIN: Command(RomLoader.flash_begin, (16,)),
        Opcode.FLASH_DEFL_BEGIN: Command(RomLoader.flash_defl_begin, (16,)),
        Opcode.SPI_ATTACH: Command(RomLoader.spi_attach, (8,)),
        Opcode.CHANGE_BAUDRATE: Command(change_baudrate, (8,)),
    }


# --- what the ROM prints ---

LABELS = {
    ResetCause.POWERON: "POWERON_RESET",
    ResetCause.RTC_SW_SYS: "SW_RESET",
    ResetCause.RTC_SW_CPU: "SW_CPU_RESET",
    ResetCause.RTCWDT_RTC: "RTCWDT_RTC_RESET",
    ResetCause.RTCWDT_BROWN_OUT: "RTCWDT_BROWN_OUT_RESET",
}


def _banner(cause: ResetCause, boot: str) -> list[str]:
    reset = f"rst:{cause.code:#x} ({LABELS.get(cause, cause.label)}),boot:{boot}"
    return ["ets Jul 29 2019 12:21:46", "", reset]


def download_banner(cause: ResetCause) -> str:
    """Return what it says with IO0 low."""
    boot = "0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))"
    return text_of([*_banner(cause, boot), "waiting for download"]).decode()


def boot(read_flash: ReadFlash, cause: ResetCause) -> Boot:
    """Do what the ROM does with IO0 high, up to the jump."""
    lines = _banner(cause, "0x13 (SPI_FAST_FLASH_BOOT)")
    header = read_flash(IMAGE_OFFSET, HEADER.size)
    if invalid := invalid_header(header):
        return Boot(text_of([*lines, *[invalid] * INVALID_HEADER_LINES]))
    _, count, mode, size_and_speed, entry, wp_pin, *_ = HEADER.unpack(header)
    lines += [
        f"configsip: 0, SPIWP:{wp_pin:#x}",
        "clk_drv:0x00,q_drv:0x00,d_drv:0x00,cs0_drv:0x00,hd_drv:0x00,wp_drv:0x00",
        mode_line(mode, size_and_speed),
    ]
    start = IMAGE_OFFSET + HEADER.size
    segments = read_segments(read_flash, start, count)
    lines += load_lines(segments, "d")
    stored = read_flash(end_of(start, segments) - 1, 1)
    calculated = checksum_of(segments)
    if stored != bytes((calculated,)):
        found = int.from_bytes(stored, "little")
        return Boot(text_of([*lines, f"csum err:{calculated:#x}!={found:#x}", "ets_main.c 371 "]))
    loaded = tuple((segment.address, segment.data) for segment in segments)
    return Boot(text_of([*lines, f"entry {entry:#010x}"]), loaded, entry)
