"""The seam between the board and its CPU: what the board asks of whatever executes firmware.

Not a CPU: `machine.Machine` is one, and the board's tests bring a fake.

Rules
- `now` is the board's clock in seconds; it never runs backwards.
- Addresses and words are 32 bits; a word is little-endian in memory.
- The board calls `halt` when EN falls and `power_on` when it rises with IO9 high. Between
  `power_on` (or `start`) and `halt` it calls `run` as often as `run` asks for.
- When `reset_requested` is a cause, the board halts the CPU and powers it on with that cause.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class ResetCause(Enum):
    """Why the chip came out of reset: the code and the name in the ROM's `rst:` line.

    Source: ESP32-C3 technical reference manual, table "Reset sources"; ESP-IDF's
    `esp32c3/rom/rtc.h`.
    """

    POWERON = (0x01, "POWERON")
    RTC_SW_SYS = (0x03, "RTC_SW_SYS_RST")
    DEEPSLEEP = (0x05, "DSLEEP")
    TG0WDT_SYS = (0x07, "TG0WDT_SYS_RST")
    TG1WDT_SYS = (0x08, "TG1WDT_SYS_RST")
    RTCWDT_SYS = (0x09, "RTCWDT_SYS_RST")
    TG0WDT_CPU = (0x0B, "TG0WDT_CPU_RST")
    RTC_SW_CPU = (0x0C, "RTC_SW_CPU_RST")
    RTCWDT_CPU = (0x0D, "RTCWDT_CPU_RST")
    RTCWDT_BROWN_OUT = (0x0F, "RTCWDT_BROWN_OUT_RST")
    RTCWDT_RTC = (0x10, "RTCWDT_RTC_RST")
    TG1WDT_CPU = (0x11, "TG1WDT_CPU_RST")
    SUPER_WDT = (0x12, "SUPER_WDT_RST")
    USB_UART = (0x15, "USB_UART_CHIP_RESET")

    def __init__(self, code: int, label: str) -> None:
        self.code = code
        self.label = label


class Cpu(Protocol):
    """An RV32IMC core with its RAM, mask ROM functions and UART0, as the board drives it."""

    def power_on(self, now: float, cause: ResetCause) -> None:
        """EN rose with IO9 high: run the mask ROM's flash boot (banner, load, check, jump)."""

    def load(self, address: int, data: bytes) -> None:
        """Put bytes into RAM, as the loader's MEM_DATA does. Bytes outside RAM are dropped."""

    def read_word(self, address: int) -> int | None:
        """Return the RAM or register word at an address; None: not memory of the machine."""

    def write_word(self, address: int, value: int) -> bool:
        """Write a RAM or register word; False: not memory of the machine."""

    def start(self, entry: int, now: float) -> None:
        """Jump to `entry` (MEM_END): what was loaded into RAM runs."""

    def receive(self, data: bytes) -> None:
        """Bytes reach UART0's receiver."""

    def run(self, now: float) -> float | None:
        """Execute a bounded slice (at most about 2 ms of host time).

        Returns when it wants to run next: a time <= now means at once, None means it is
        halted and only input or a reset wakes it.
        """

    def take_output(self) -> bytes:
        """Return what UART0 sent since the last call."""

    def halt(self) -> None:
        """EN fell: nothing runs, RAM and registers are lost."""

    @property
    def reset_requested(self) -> ResetCause | None:
        """The cause of a software, watchdog or panic reset that waits to be carried out."""
