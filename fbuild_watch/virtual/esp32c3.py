"""The ESP32-C3 in download mode: its registers, what is burnt into it, its banner.

Sources: ESP32-C3 technical reference manual (eFuse controller, UART, SPI controller, RTC
watchdog), esptool's `targets/esp32c3.py`. What its ROM does at a flash boot is `bootrom.py`.
"""

from __future__ import annotations

import struct

from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.registers import ROM_MAGIC, Layout
from fbuild_watch.virtual.rtc_watchdog import WatchdogLayout
from fbuild_watch.virtual.spi_controller import SpiLayout
from fbuild_watch.virtual.uart_clock import UartClock

CHIP_ID = 5
"""In image headers and in GET_SECURITY_INFO (esp-idf `esp_chip_id_t`)."""

UART_CLKDIV, UART_CLK_CONF = 0x60000014, 0x60000078
UART = UartClock(hz=40_000_000, clkdiv=UART_CLKDIV, whole=0xFFF, clk_conf=UART_CLK_CONF)
UART_DATE = 0x6000007C

EFUSE_BLOCK1 = 0x60008844
REVISION = (0, 4)

SPI1 = 0x60002000
JEDEC_XMC = (0x20, 0x40)
"""XMC's XM25QH parts, which Espressif builds into its C3 chips."""


def efuses(mac: bytes, package: int = 0, revision: tuple[int, int] = REVISION) -> dict[int, int]:
    """Return BLOCK1: MAC, package (0: QFN32) and wafer version."""
    high, low = struct.unpack(">HI", mac)
    major, minor = revision
    word3 = (minor & 7) << 18 | package << 21
    word5 = (minor >> 3) << 23 | major << 24
    words = (low, high, 0, word3, 0, word5)
    return {EFUSE_BLOCK1 + 4 * i: word for i, word in enumerate(words)}


LAYOUT = Layout(
    uart=UART,
    spi=SpiLayout(
        cmd=SPI1,
        addr=SPI1 + 0x04,
        user2=SPI1 + 0x20,
        miso=SPI1 + 0x28,
        miso_shift=0,
        miso_mask=0x3FF,
        w0=SPI1 + 0x58,
        end=SPI1 + 0x98,
        addr_shift=0,
        jedec=JEDEC_XMC,
    ),
    words={ROM_MAGIC: 0x1B31506F, UART_DATE: 0x02008270},  # of the ROM "api1-20210207"
    efuses=efuses,
    watchdog=WatchdogLayout(config0=0x60008090, config1=0x60008094, protect=0x600080A8),
    # flags, crypt count, key purposes, chip, revision: nothing is locked, no key is burnt
    security_info=struct.pack("<IB7xII", 0, 0, CHIP_ID, REVISION[1]),
)


def download_banner(cause: ResetCause) -> str:
    """As a C3 prints it with IO9 low and IO8 and IO2 high (esp-web-tools#465)."""
    return (
        "ESP-ROM:esp32c3-api1-20210207\r\n"
        "Build:Feb  7 2021\r\n"
        f"rst:{cause.code:#x} ({cause.label}),boot:0x5 (DOWNLOAD(USB/UART0/1))\r\n"
        "waiting for download\r\n"
    )
