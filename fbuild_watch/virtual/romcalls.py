"""The functions of the mask ROM that firmware calls, by address.

Source of the addresses: ESP-IDF's `esp32c3.rom.ld`. A function that is not here cannot be
called: the ROM's code is not part of this machine.

Rules
- A function returns its result, or a `Wait`: until when it does not return, or, with `again`,
  until when it is to be asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.memory import Memory
from fbuild_watch.virtual.uart import FIFO_SIZE, Uart

OK, FAILED = 0, 1


@dataclass(frozen=True, slots=True)
class RomCall:
    """The code jumped to an address of the mask ROM."""

    address: int


@dataclass(frozen=True, slots=True)
class Wait:
    """The function has not returned yet."""

    until: float
    again: bool = False
    """It is called anew then; else it returns 0 then."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The function resets the chip."""

    cause: ResetCause


class Context(Protocol):
    """What the functions work on."""

    @property
    def now(self) -> float:
        """The board's time."""

    @property
    def memory(self) -> Memory:
        """The chip's RAM."""

    @property
    def uart(self) -> Uart:
        """UART0."""

    def read_flash(self, offset: int, size: int) -> bytes:
        """Read the flash; fewer bytes where it ends."""

    def argument(self, index: int) -> int:
        """An argument of the call."""

    def forget_code(self) -> None:
        """Code in RAM was replaced."""


Result = int | Wait | Reset


def _delay_us(rom: Context) -> Result:
    """ets_delay_us(us)."""
    return Wait(rom.now + rom.argument(0) / 1e6)


def _uart_tx(rom: Context) -> Result:
    """uart_tx_one_char(c): waits for room."""
    if rom.uart.unsent >= FIFO_SIZE:
        return Wait(rom.uart.room_at, again=True)
    rom.uart.write(rom.argument(0))
    return OK


def _uart_rx(rom: Context) -> Result:
    """uart_rx_one_char(*c): 1 when there is none."""
    value = rom.uart.read()
    if value is None:
        return FAILED
    rom.memory.write(rom.argument(0), bytes((value,)))
    return OK


def _flash_read(rom: Context) -> Result:
    """esp_rom_spiflash_read(from, *to, size)."""
    source, target, size = (rom.argument(index) for index in range(3))
    data = rom.read_flash(source, size)
    if len(data) < size or not rom.memory.write(target, data):
        return FAILED
    rom.forget_code()
    return OK


def _reset(rom: Context) -> Result:
    """software_reset()."""
    return Reset(ResetCause.RTC_SW_SYS)


FUNCTIONS: dict[int, Callable[[Context], Result]] = {
    0x40000050: _delay_us,
    0x40000068: _uart_tx,
    0x40000070: _uart_rx,
    0x40000090: _reset,
    0x40000130: _flash_read,
}
