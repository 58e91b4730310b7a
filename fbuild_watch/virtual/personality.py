"""Which chips a virtual board can be: each a row of data and of the few parts that differ.

Rules
- What all chips share knows no chip: `board`, `loader`, `rom`, `stub` take these parts.
- Only the ESP32-C3 runs firmware. The others boot up to the jump and say so (`boot_only`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from fbuild_watch.virtual import esp32, esp32c3, esp8266
from fbuild_watch.virtual.boot_only import BootOnly
from fbuild_watch.virtual.circuit import ResetCircuit, ResetLines
from fbuild_watch.virtual.cpu import Cpu, ResetCause
from fbuild_watch.virtual.firmware_image import ReadFlash
from fbuild_watch.virtual.line_rates import UartRates, UsbRates
from fbuild_watch.virtual.loader import Chip
from fbuild_watch.virtual.machine import Machine
from fbuild_watch.virtual.registers import Layout
from fbuild_watch.virtual.rom import RomLoader
from fbuild_watch.virtual.stub import OldStubLoader, StubLoader
from fbuild_watch.virtual.usb_jtag import UsbJtagReset


@dataclass(frozen=True, slots=True)
class Personality:
    """One kind of board."""

    name: str
    """As `fbuild board serve --chip` takes it."""
    stubs: str
    """The chip's name in esptool's stub files."""
    layout: Layout
    rom: Callable[[Chip], RomLoader]
    stub: Callable[[Chip], StubLoader]
    cpu: Callable[[ReadFlash], Cpu]
    """Given the board's flash. May raise BoardUnusable."""
    download_banner: Callable[[ResetCause], str]
    rates: Callable[[], UartRates] = UartRates
    reset: Callable[[], ResetLines] = ResetCircuit


ESP32C3 = Personality(
    name="esp32c3",
    stubs="esp32c3",
    layout=esp32c3.LAYOUT,
    rom=RomLoader,
    stub=StubLoader,
    cpu=Machine,
    download_banner=esp32c3.download_banner,
)
"""A devkit with a USB bridge on UART0."""

ESP32C3_USB = replace(ESP32C3, name="esp32c3-usb", rates=UsbRates, reset=UsbJtagReset)
"""The same chip on its own USB-Serial/JTAG port. What firmware says on UART0 is heard there too."""

ESP32 = Personality(
    name="esp32",
    stubs="esp32",
    layout=esp32.LAYOUT,
    rom=esp32.Esp32Rom,
    stub=OldStubLoader,
    cpu=partial(BootOnly, boot=esp32.boot, core="Xtensa LX6"),
    download_banner=esp32.download_banner,
)

ESP8266 = Personality(
    name="esp8266",
    stubs="esp8266",
    layout=esp8266.LAYOUT,
    rom=esp8266.Esp8266Rom,
    stub=esp8266.Esp8266Stub,
    cpu=partial(BootOnly, boot=esp8266.boot, core="Xtensa LX106"),
    download_banner=esp8266.download_banner,
    rates=partial(UartRates, esp8266.BOOT_BAUD),
)

PERSONALITIES = {kind.name: kind for kind in (ESP32C3, ESP32C3_USB, ESP32, ESP8266)}
