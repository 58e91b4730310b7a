"""The registers that running firmware meets: UART0, system timer, GPIO, watchdogs. Pure.

Source of the addresses: ESP32-C3 technical reference manual. Registers that are not modelled
keep what is written to them and read as 0 before that.

Rules
- Time stands still while a slice of instructions runs; `advance` moves it.
- A read of a status that cannot change by itself within a slice is a poll. Firmware that only
  polls makes no progress: `polls` counts since the last `progress`, so that it can be let wait.
- A write that changes nothing is no progress.
"""

from __future__ import annotations

from fbuild_watch.virtual.esp32c3 import UART_CLK_CONF, UART_CLKDIV
from fbuild_watch.virtual.uart import Uart
from fbuild_watch.virtual.watchdogs import Watchdogs

BASE, SIZE = 0x60000000, 0x100000

UART_FIFO, UART_STATUS, UART_ID = BASE, BASE + 0x1C, BASE + 0x80

GPIO = BASE + 0x4000
GPIO_OUT, GPIO_OUT_SET, GPIO_OUT_CLEAR = GPIO + 0x04, GPIO + 0x08, GPIO + 0x0C
GPIO_ENABLE, GPIO_ENABLE_SET, GPIO_ENABLE_CLEAR = GPIO + 0x20, GPIO + 0x24, GPIO + 0x28
GPIO_STRAP, GPIO_IN = GPIO + 0x38, GPIO + 0x3C
GPIO_PINS = (1 << 22) - 1
PULLED_UP = 1 << 9 | 1 << 8 | 1 << 2
"""IO9 (BOOT button), IO8 and IO2: the strapping pins of a devkit, all pulled up."""

SYSTIMER = BASE + 0x23000
SYSTIMER_UNIT0_OP, SYSTIMER_UNIT0_HI, SYSTIMER_UNIT0_LO = (
    SYSTIMER + offset for offset in (0x04, 0x40, 0x44)
)
SYSTIMER_HZ = 16_000_000
SYSTIMER_VALID = 1 << 29
_SYSTIMER_UPDATE = 1 << 30

_POLLED = frozenset({UART_STATUS, GPIO_IN, SYSTIMER_UNIT0_OP, SYSTIMER_UNIT0_HI, SYSTIMER_UNIT0_LO})
_SETS = {GPIO_OUT_SET: GPIO_OUT, GPIO_ENABLE_SET: GPIO_ENABLE}
_CLEARS = {GPIO_OUT_CLEAR: GPIO_OUT, GPIO_ENABLE_CLEAR: GPIO_ENABLE}


class Peripherals:
    """Everything between 0x60000000 and 0x60100000. `now` is the board's time in seconds."""

    def __init__(self, now: float, *, flash_boot: bool) -> None:
        self.uart = Uart(now)
        self.watchdogs = Watchdogs(now, flash_boot=flash_boot)
        self.polls = 0
        self.progress = 0
        self._started = self._now = now
        self._ticks = 0
        self._words = {GPIO_STRAP: 0xD, GPIO_OUT: 0, GPIO_ENABLE: 0}

    def advance(self, now: float) -> None:
        """Time has passed."""
        self._now = now
        self.uart.advance(now)

    def read(self, address: int) -> int:
        """Read a register's 32 bits."""
        if address in _POLLED:
            self.polls += 1
        if address == UART_FIFO:
            return self._read_uart()
        if address == UART_STATUS:
            return self.uart.received | min(self.uart.unsent, 0x3FF) << 16
        if address == UART_CLKDIV:
            return self.uart.clkdiv
        if address == UART_CLK_CONF:
            return self.uart.clk_conf
        if address == GPIO_IN:
            return self._pins()
        if address == SYSTIMER_UNIT0_OP:
            return SYSTIMER_VALID
        if address == SYSTIMER_UNIT0_HI:
            return self._ticks >> 32 & 0xFFFFF
        if address == SYSTIMER_UNIT0_LO:
            return self._ticks & 0xFFFFFFFF
        if address in self.watchdogs.registers:
            return self.watchdogs.registers[address]
        return self._words.get(address, 0)

    def write(self, address: int, value: int) -> None:
        """Write a register's 32 bits."""
        if address == UART_FIFO:
            self.uart.write(value)
            self._progressed()
        elif address == SYSTIMER_UNIT0_OP:
            if value & _SYSTIMER_UPDATE:
                self._ticks = round((self._now - self._started) * SYSTIMER_HZ)
        elif address in _SETS:
            self._store(_SETS[address], self._words[_SETS[address]] | value)
        elif address in _CLEARS:
            self._store(_CLEARS[address], self._words[_CLEARS[address]] & ~value)
        elif address == UART_CLKDIV:
            self.uart.clkdiv = value
        elif address == UART_CLK_CONF:
            self.uart.clk_conf = value
        elif address == UART_ID:
            pass  # "take over the registers": they have been
        elif not self.watchdogs.write(address, value, self._now):
            self._store(address, value)

    def _read_uart(self) -> int:
        value = self.uart.read()
        if value is None:
            self.polls += 1
            return 0
        self._progressed()
        return value

    def _store(self, address: int, value: int) -> None:
        if self._words.get(address, 0) != value:
            self._words[address] = value
            self._progressed()

    def _progressed(self) -> None:
        self.polls = 0
        self.progress += 1

    def _pins(self) -> int:
        """What the pads carry: outputs what they drive, inputs what the devkit pulls them to."""
        enabled = self._words[GPIO_ENABLE]
        return (self._words[GPIO_OUT] & enabled | PULLED_UP & ~enabled) & GPIO_PINS
