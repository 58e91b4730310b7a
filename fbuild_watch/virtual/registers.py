"""The registers of an ESP32-C3 that esptool reads and writes in download mode.

Not the CPU's peripherals: what running firmware sees is the machine's. Addresses are from the
ESP32-C3 technical reference manual (eFuse controller, UART, SPI controller, RTC watchdog) and
from esptool's `targets/esp32c3.py`.

Rules
- An address that is none of these reads as None: the caller asks the machine then.
- The SPI controller carries out a command when its start bit is written, at once.
- The flash answers nothing (all ones) until SPI_ATTACH has connected its pins.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

CHIP_ID = 5
"""The ESP32-C3 in image headers and in GET_SECURITY_INFO (esp-idf `esp_chip_id_t`)."""

ROM_MAGIC = 0x40001000
"""A ROM word that tells chips apart; its value is that of the ROM "api1-20210207"."""

EFUSE_BLOCK1 = 0x60008844
UART_CLKDIV = 0x60000014
UART_CLK_CONF = 0x60000078
UART_DATE = 0x6000007C
XTAL_HZ = 40_000_000

WDT_CONFIG0 = 0x60008090
WDT_CONFIG1 = 0x60008094
WDT_PROTECT = 0x600080A8
WDT_KEY = 0x50D83AA1
WDT_ENABLE = 1 << 31
RC_SLOW_HZ = 136_000
"""The RTC watchdog's clock (technical reference manual, "Low-power management")."""
WDT_DELAY = 2
"""Stage 0 counts that many times longer, with EFUSE_WDT_DELAY_SEL unburnt (ESP-IDF `wdt_hal`)."""

SPI1 = 0x60002000
SPI_CMD, SPI_ADDR, SPI_USER = SPI1, SPI1 + 0x04, SPI1 + 0x18
SPI_USER2, SPI_MISO_BITS, SPI_W0 = SPI1 + 0x20, SPI1 + 0x28, SPI1 + 0x58
SPI_USR_START = 1 << 18
SPI_END = SPI1 + 0x98

JEDEC_XMC = (0x20, 0x40)
"""Manufacturer and type of XMC's XM25QH parts, which Espressif builds into its C3 chips."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What is burnt into the chip's eFuses."""

    mac: bytes
    """The 6 bytes of the base MAC, as it is written."""
    package: int = 0
    """0: ESP32-C3 (QFN32)."""
    revision: tuple[int, int] = (0, 4)

    def efuse_words(self) -> dict[int, int]:
        """Return BLOCK1 by address: MAC, package and wafer version."""
        high, low = struct.unpack(">HI", self.mac)
        major, minor = self.revision
        word3 = (minor & 7) << 18 | self.package << 21
        word5 = (minor >> 3) << 23 | major << 24
        words = (low, high, 0, word3, 0, word5)
        return {EFUSE_BLOCK1 + 4 * i: word for i, word in enumerate(words)}

    def security_info(self) -> bytes:
        """Return GET_SECURITY_INFO's 20 bytes: nothing is locked, no key is burnt."""
        return struct.pack("<IB7xII", 0, 0, CHIP_ID, self.revision[1])


class SpiController:
    """SPI1, as far as esptool's "user commands" to the flash chip go."""

    def __init__(self, flash_size: int) -> None:
        self.attached = False
        self._words: dict[int, int] = {}
        self._status = bytearray(3)
        self._id = bytes((*JEDEC_XMC, flash_size.bit_length() - 1))
        self._sfdp = _sfdp(flash_size)

    def read(self, address: int) -> int:
        """Return a register's word."""
        return self._words.get(address, 0)

    def write(self, address: int, value: int) -> None:
        """Set a register; the start bit of SPI_CMD carries out the command."""
        self._words[address] = value
        if address == SPI_CMD and value & SPI_USR_START:
            self._words[SPI_CMD] = 0
            self._carry_out(self.read(SPI_USER2) & 0xFF)

    def _carry_out(self, command: int) -> None:
        size = (self.read(SPI_MISO_BITS) & 0x3FF) // 8 + 1
        sent = self.read(SPI_W0).to_bytes(4, "little")
        answer = self._answer(command, sent) if self.attached else b""
        padded = answer[:size].ljust(size, b"\xff").ljust(4, b"\0")
        self._words[SPI_W0] = int.from_bytes(padded[:4], "little")

    def _answer(self, command: int, sent: bytes) -> bytes:
        """What the flash chip shifts out (JEDEC JESD216 and the XM25QH32 data sheet)."""
        match command:
            case 0x9F:  # RDID
                return self._id
            case 0x5A:  # SFDP
                return self._sfdp[self.read(SPI_ADDR) & 0xFFFFFF :]
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


class Watchdog:
    """The RTC watchdog: its first stage resets the chip when its time is over."""

    def __init__(self) -> None:
        self.deadline: float | None = None
        self._words = {WDT_CONFIG0: 0, WDT_CONFIG1: 0, WDT_PROTECT: 0}

    def read(self, address: int) -> int | None:
        """Return a register's word; None: not one of the watchdog's."""
        return self._words.get(address)

    def write(self, address: int, value: int, now: float) -> bool:
        """Set a register; False: not one of the watchdog's. A locked one keeps its value."""
        if address not in self._words:
            return False
        if address == WDT_PROTECT or self._words[WDT_PROTECT] == WDT_KEY:
            self._words[address] = value
        if address != WDT_PROTECT:
            self._arm(now)
        return True

    def _arm(self, now: float) -> None:
        config = self._words[WDT_CONFIG0]
        resets = config & WDT_ENABLE and config >> 28 & 7
        seconds = self._words[WDT_CONFIG1] * WDT_DELAY / RC_SLOW_HZ
        self.deadline = now + seconds if resets else None


class Registers:
    """All of them: eFuses, UART0, SPI1, RTC watchdog."""

    def __init__(self, identity: Identity, flash_size: int) -> None:
        self.identity = identity
        self.spi = SpiController(flash_size)
        self.watchdog = Watchdog()
        self.baud = 115200
        self._fixed = {ROM_MAGIC: 0x1B31506F, UART_DATE: 0x02008270, **identity.efuse_words()}

    def read(self, address: int) -> int | None:
        """Return a register's word; None: not one of these."""
        if SPI1 <= address < SPI_END:
            return self.spi.read(address)
        if address == UART_CLKDIV:
            return divider_of(self.baud)
        watchdog = self.watchdog.read(address)
        return self._fixed.get(address) if watchdog is None else watchdog

    def write(self, address: int, value: int, now: float) -> bool:
        """Set a register; False: not one of these. ROM and eFuses keep their value."""
        if SPI1 <= address < SPI_END:
            self.spi.write(address, value)
            return True
        known = address in self._fixed or address == UART_CLKDIV
        return self.watchdog.write(address, value, now) or known


def divider_of(baud: int) -> int:
    """Return UART_CLKDIV: the divider's integer in bits 0 to 11, sixteenths in bits 20 to 23."""
    sixteenths = round(XTAL_HZ * 16 / baud)
    return sixteenths >> 4 | (sixteenths & 0xF) << 20


def baud_of(divider: int, clock: int = 0) -> int:
    """Return the rate that UART_CLKDIV and UART_CLK_CONF make.

    CLK_CONF's bits 12 to 19, plus one, divide the clock in front of the other: rates below
    9766 baud need that. The hardware takes a divider of 0 for its smallest.
    """
    sixteenths = (divider & 0xFFF) << 4 | divider >> 20 & 0xF
    return round(XTAL_HZ * 16 / max(sixteenths, 16) / ((clock >> 12 & 0xFF) + 1))
