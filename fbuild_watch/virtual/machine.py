"""A running ESP32-C3: the mask ROM's boot, an RV32IMC core, UART0, timer, GPIO, watchdogs.

The `Cpu` of a virtual board: bytes and time in, bytes out. It never asks the host for the time:
between two calls of `run` the firmware's clocks stand still, however much it computes.

Rules
- A slice is a bounded number of instructions. Firmware that waits, in a ROM delay or by polling
  registers that do not change, gives its slice back and costs the host next to nothing.
- A watchdog that is neither fed nor switched off bites, whatever the firmware does.
- A trap goes to the firmware's handler. Where it has none, a panic is printed, and the chip is
  reset when the UART has had the time to send it.
- Not modelled: execution from flash (the cache), interrupts, the radio, every register that
  peripherals.py does not name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fbuild_watch.errors import BoardUnusable
from fbuild_watch.virtual import bootrom, panic, peripherals
from fbuild_watch.virtual.cpu import ResetCause
from fbuild_watch.virtual.memory import DRAM, SRAM1_SIZE, Memory
from fbuild_watch.virtual.nor import OutOfRange
from fbuild_watch.virtual.panic import Fault, Trap
from fbuild_watch.virtual.peripherals import Peripherals
from fbuild_watch.virtual.romcalls import FUNCTIONS, Reset, RomCall, Wait
from fbuild_watch.virtual.uart import Uart

if TYPE_CHECKING:
    from fbuild_watch.virtual.core import Core

CHUNK = 10_000
"""Instructions between two looks at what the firmware does: some 0.04 ms of the host."""

CHUNKS = 30
"""The chunks of a slice."""

ACCESSES = 1500
"""Register accesses after which a slice ends: each costs the host about 1 us."""

IDLE_POLLS = 12
"""So many polls without progress within a chunk: the firmware waits for something."""

IDLE_SECONDS = (0.001,) * 4 + (0.002,) * 4 + (0.005,) * 10 + (0.010,)
"""How long firmware that polls is let wait, again and again: longer once it is clear it idles.

Input ends a wait at once; what the firmware does by the clock comes late by so much at most.
"""

ROM_STACK = DRAM + SRAM1_SIZE - 0x2000
"""Where the ROM's stack lies when it jumps: below its own data at the end of SRAM1."""

_WFI, _JUMP_TO_SELF, _SHORT_JUMP_TO_SELF = 0x10500073, 0x0000006F, 0xA001


class Machine:
    """A `Cpu`. `read_flash(offset, size)` returns what the board's flash holds there.

    `read_flash` may raise nor.OutOfRange. Raises BoardUnusable where unicorn is not installed.
    """

    def __init__(self, read_flash: Callable[[int, int], bytes]) -> None:
        self._read_flash = read_flash
        self.memory = Memory()
        self._core = _new_core(self.memory, self._on_read, self._on_write)
        self._saved_pc = bootrom.HANG_PC
        self._clear(0.0, flash_boot=False)

    def _clear(self, now: float, *, flash_boot: bool) -> None:
        """As after a reset: RAM is empty, nothing runs."""
        self.now = now
        self.memory.clear()
        self._peripherals = Peripherals(now, flash_boot=flash_boot)
        self._powered = False
        self._executes = False
        self._wait: Wait | None = None
        self._idles = 0
        self._progress_seen = 0
        self._accesses = 0
        self._reset_at: float | None = None
        self._reset_cause: ResetCause | None = None

    # --- the board's side ---

    def power_on(self, now: float, cause: ResetCause) -> None:
        """EN rose with IO9 high: banner, image check, load, jump."""
        self._clear(now, flash_boot=True)
        self._powered = True
        boot = bootrom.boot(self.read_flash, cause, self._saved_pc)
        self.uart.send(boot.text)
        for address, data in boot.segments:
            self.memory.write(address, data)
        if boot.entry is not None:
            self._begin(boot.entry)

    def load(self, address: int, data: bytes) -> None:
        """Put bytes into RAM, as the loader's MEM_DATA does. Bytes outside RAM are dropped."""
        self.memory.write(address, data)

    def start(self, entry: int, now: float) -> None:
        """Jump to `entry`: what was loaded into RAM runs, without the flash boot's watchdogs."""
        self.now = now
        self._peripherals = Peripherals(now, flash_boot=False)
        self._powered = True
        self._begin(entry)

    def read_word(self, address: int) -> int | None:
        """Return the RAM or register word at an address; None: not memory of the machine."""
        if _is_register(address):
            return self._peripherals.read(address & ~3)
        return self.memory.read_word(address)

    def write_word(self, address: int, value: int) -> bool:
        """Write a RAM or register word; False: not memory of the machine."""
        if _is_register(address):
            self._peripherals.write(address & ~3, value)
            return True
        return self.memory.write(address, value.to_bytes(4, "little"))

    def receive(self, data: bytes) -> None:
        """Bytes reach UART0's receiver."""
        if self._powered:
            self.uart.receive(data)

    def take_output(self) -> bytes:
        """Return what UART0 sent since the last call."""
        taken = bytes(self.uart.output)
        self.uart.output.clear()
        return taken

    def halt(self) -> None:
        """EN fell: nothing runs, RAM and registers are lost."""
        self._saved_pc = self._core.pc if self._executes else bootrom.HANG_PC
        self._clear(self.now, flash_boot=False)

    @property
    def reset_requested(self) -> ResetCause | None:
        """The cause of a software, watchdog or panic reset that waits to be carried out."""
        due = self._reset_at is not None and self._reset_at <= self.now
        return self._reset_cause if due else None

    # --- running ---

    def run(self, now: float) -> float | None:
        """Execute a slice; returns when it wants to run next, None: only a reset helps.

        A time <= now means at once.
        """
        self.now = now
        if not self._powered:
            return None
        self._peripherals.advance(now)
        bite = self._peripherals.watchdogs.bite(now)
        if bite is not None and self._reset_at is None:
            self._request_reset(bite, now)
        wish = None
        if self._executes and self._reset_at is None:
            wish = self._run_slice()
        return self._next_run(wish)

    def _next_run(self, wish: float | None) -> float | None:
        """The earliest of the firmware's wish and a watchdog's bite; or a reset under way."""
        if self._reset_at is not None:
            return None if self.reset_requested else self._reset_at
        times = (wish, self._peripherals.watchdogs.deadline)
        return min((time for time in times if time is not None), default=None)

    def _begin(self, entry: int) -> None:
        self._core.reset(entry, ROM_STACK)
        self._executes = True

    def _run_slice(self) -> float:
        if self._wait is not None and not self._wait_is_over(self._wait):
            return self._wait.until
        self._accesses = 0
        for _ in range(CHUNKS):
            self._peripherals.polls = 0
            stop = self._core.run(CHUNK)
            if stop is not None:
                self._handle(stop)
            if self._wait is not None:
                return self._wait.until
            if self._reset_at is not None or self._accesses >= ACCESSES:
                break
            if self._peripherals.polls >= IDLE_POLLS or self._executes_nothing():
                return self._idle()
        return self.now

    def _wait_is_over(self, wait: Wait) -> bool:
        """Let the ROM function return when its time has come."""
        if wait.until > self.now:
            return False
        self._wait = None
        if not wait.again:
            self._core.return_from_call(0)
        return True

    def _executes_nothing(self) -> bool:
        """Whether the code stands at a jump to itself, or just passed a wait for interrupts."""
        here = self.memory.read_word(self._core.pc) or 0
        before = self.memory.read_word(self._core.pc - 4)
        return before == _WFI or here == _JUMP_TO_SELF or here & 0xFFFF == _SHORT_JUMP_TO_SELF

    def _idle(self) -> float:
        """The firmware waits for something: when to look again."""
        progress = self._peripherals.progress
        self._idles = 0 if progress != self._progress_seen else self._idles + 1
        self._progress_seen = progress
        wake = self.now + IDLE_SECONDS[min(self._idles, len(IDLE_SECONDS) - 1)]
        arrival = self.uart.next_arrival
        return wake if arrival is None else min(wake, arrival)

    # --- what stops the core ---

    def _handle(self, stop: RomCall | Trap) -> None:
        if isinstance(stop, Trap):
            self._take_trap(stop)
        elif stop.address not in FUNCTIONS:
            self._take_trap(Trap(Fault.INSTRUCTION_ACCESS, stop.address))
        else:
            self._call_rom(stop.address)

    def _call_rom(self, address: int) -> None:
        match FUNCTIONS[address](self):
            case Wait() as wait:
                self._wait = wait
            case Reset(cause):
                self._request_reset(cause, self.now)
            case int() as result:
                self._core.return_from_call(result)

    def _take_trap(self, trap: Trap) -> None:
        """The firmware's handler has it; without one a panic is printed in its place."""
        if not self._core.take_trap(trap):
            self._panic(trap)

    def _panic(self, trap: Trap) -> None:
        registers = {
            **self._core.registers(), "MEPC": self._core.pc, "MCAUSE": trap.fault.mcause, "MTVAL": trap.value,
        }  # fmt: skip
        self.uart.send(panic.text(trap.fault, registers, self.memory.read_word))
        self._request_reset(ResetCause.RTC_SW_CPU, self.uart.quiet_at)

    def _request_reset(self, cause: ResetCause, at: float) -> None:
        self._reset_cause, self._reset_at = cause, at

    # --- what ROM functions work on (romcalls.Context) ---

    @property
    def uart(self) -> Uart:
        """UART0."""
        return self._peripherals.uart

    def read_flash(self, offset: int, size: int) -> bytes:
        """Read the flash; nothing where the range leaves it."""
        try:
            return self._read_flash(offset, size)
        except OutOfRange:
            return b""

    def argument(self, index: int) -> int:
        """An argument of the ROM function that was called."""
        return self._core.argument(index)

    def forget_code(self) -> None:
        """A ROM function has written RAM."""
        self._core.forget_code()

    # --- what the core reads and writes ---

    def _on_read(self, address: int) -> int:
        value = self._peripherals.read(address)
        self._count_access()
        return value

    def _on_write(self, address: int, value: int) -> None:
        self._peripherals.write(address, value)
        self._count_access()

    def _count_access(self) -> None:
        self._accesses += 1
        if self._peripherals.polls >= IDLE_POLLS or self._accesses >= ACCESSES:
            self._core.stop()


def _is_register(address: int) -> bool:
    return peripherals.BASE <= address < peripherals.BASE + peripherals.SIZE


def _new_core(
    memory: Memory, read: Callable[[int], int], write: Callable[[int, int], None]
) -> Core:
    """Load the CPU emulator: late, because nothing else of fbuild needs it."""
    try:
        from fbuild_watch.virtual.core import Core
    except ImportError as error:
        raise BoardUnusable(
            f"the virtual board's CPU is not installed ({error})",
            hint="pip install 'fbuild-watch[demo]'",
        ) from error
    return Core(memory, read, write)
