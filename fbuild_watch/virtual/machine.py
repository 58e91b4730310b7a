"""A running ESP32-C3: the mask ROM's boot, an RV32IMC core, UART0, timer, GPIO, watchdogs.

The `Cpu` of a virtual board: bytes and time in, bytes out. It never asks the host for the time:
between two calls of `run` the firmware's clocks stand still, however much it computes.

Rules
- A slice is a bounded number of instructions. Firmware that waits, in a ROM delay or by polling
  registers that do not change, gives its slice back and costs the host next to nothing.
- A watchdog that is neither fed nor switched off bites, whatever the firmware does.
- A crash prints a panic, and resets when the UART would have sent it.
- Not modelled: execution from flash (the cache), interrupts, the radio, every register that
  peripherals.py does not name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import bootrom, panic, peripherals
from .bootrom import ReadFlash
from .cpu import ResetCause
from .memory import DRAM, SRAM1_SIZE, Memory
from .panic import Fault
from .peripherals import Peripherals
from .romcalls import FUNCTIONS, Reset, Wait

if TYPE_CHECKING:
    from .core import Core, RomCall, Trap

CHUNK = 25_000
"""Instructions between two looks at what the firmware does: some 0.1 ms of the host."""

CHUNKS = 12
"""The chunks of a slice."""

ACCESSES = 1500
"""Register accesses after which a slice ends: each costs the host about 1 us."""

IDLE_POLLS = 32
"""So many polls without progress within a chunk: the firmware waits for something."""

IDLE_SECONDS = 0.001
IDLE_SECONDS_MOST = 0.004
IDLE_STEPS = 8
"""A wait grows to its most by doubling after so many waits; any progress ends it."""

ROM_STACK = DRAM + SRAM1_SIZE - 0x2000
"""Where the ROM's stack lies when it jumps: below its own data at the end of SRAM1."""

_WAITING_CODE = {0x10500073: "wfi", 0x0000006F: "j .", 0xA001: "c.j ."}


class Machine:
    """A `Cpu`. `read_flash(offset, length)` returns what the board's flash holds there."""

    def __init__(self, read_flash: ReadFlash) -> None:
        self.read_flash = read_flash
        self.now = 0.0
        self._saved_pc = 0
        self._clear(0.0, flash_boot=False)

    def _clear(self, now: float, *, flash_boot: bool) -> None:
        """As after a reset: nothing in RAM, nothing runs."""
        self.now = now
        self.memory = Memory()
        self._peripherals = Peripherals(now, flash_boot=flash_boot)
        self._core: Core | None = None
        self._asleep_until: float | None = None
        self._call_again = False
        self._idle_count = 0
        self._accesses = 0
        self._reset_at: float | None = None
        self._reset_cause: ResetCause | None = None
        self._crashed = False
        self._powered = False

    # --- the board's side ---

    def power_on(self, now: float, cause: ResetCause) -> None:
        """EN rose with IO9 high: banner, image check, load, jump."""
        self._clear(now, flash_boot=True)
        self._powered = True
        boot = bootrom.boot(self.read_flash, cause, self._saved_pc)
        self._peripherals.uart.send(boot.text)
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
            self._peripherals.uart.receive(data)

    def take_output(self) -> bytes:
        """Return what UART0 sent since the last call."""
        output = self._peripherals.uart.output
        taken = bytes(output)
        output.clear()
        return taken

    def halt(self) -> None:
        """EN fell: nothing runs, RAM and registers are lost."""
        self._saved_pc = self._core.pc if self._core else bootrom.HANG_PC
        self._clear(self.now, flash_boot=False)

    @property
    def reset_requested(self) -> ResetCause | None:
        """The cause of a software, watchdog or panic reset that waits to be carried out."""
        due = self._reset_at is not None and self._reset_at <= self.now
        return self._reset_cause if due else None

    @property
    def baud(self) -> float:
        """The rate that UART0 runs at."""
        return self._peripherals.uart.baud

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
        if self._core is not None and self._reset_at is None:
            return self._earliest(self._run_slice(self._core))
        return self._earliest(self._reset_at) if self.reset_requested is None else None

    def _earliest(self, wanted: float | None) -> float | None:
        """The firmware's wish, or a watchdog's bite, or a reset, whichever is first."""
        deadline = self._peripherals.watchdogs.deadline
        if self._reset_at is not None:
            wanted, deadline = self._reset_at, None
        return min((time for time in (wanted, deadline) if time is not None), default=None)

    def _begin(self, entry: int) -> None:
        from .core import Core  # noqa: PLC0415  unicorn is loaded when something runs

        bus = self._peripherals
        self._core = Core(self.memory, self._on_read, self._on_write, entry, ROM_STACK)
        bus.polls = 0

    def _run_slice(self, core: Core) -> float:
        if not self._wake(core):
            return self._asleep_until or self.now
        self._accesses = 0
        for _ in range(CHUNKS):
            self._peripherals.polls = 0
            stop = core.run(CHUNK)
            if stop is not None and not self._handle(core, stop):
                break
            if self._idles(core):
                return self._idle()
            self._idle_count = 0
            if self._accesses >= ACCESSES:
                break
        return self._asleep_until or self.now

    def _wake(self, core: Core) -> bool:
        """End a ROM function's wait when it is over; False: it is not."""
        if self._asleep_until is None:
            return True
        if self._asleep_until > self.now:
            return False
        self._asleep_until = None
        if not self._call_again:
            core.return_from_call(0)
        return True

    def _idles(self, core: Core) -> bool:
        return self._peripherals.polls >= IDLE_POLLS or self._executes_waiting_code(core)

    def _executes_waiting_code(self, core: Core) -> bool:
        """Whether the code stands at a jump to itself, or just passed a wait for interrupts."""
        here = self.memory.read_word(core.pc) or 0
        before = self.memory.read_word(core.pc - 4) or 0
        return here in _WAITING_CODE or here & 0xFFFF in _WAITING_CODE or before == 0x10500073

    def _idle(self) -> float:
        self._idle_count += 1
        seconds = min(IDLE_SECONDS * 2 ** (self._idle_count // IDLE_STEPS), IDLE_SECONDS_MOST)
        arrival = self._peripherals.uart.next_arrival
        wake = self.now + seconds
        return wake if arrival is None else min(wake, arrival)

    # --- what stops the core ---

    def _handle(self, core: Core, stop: RomCall | Trap) -> bool:
        """Deal with a stop; False: the slice is over."""
        from .core import Trap  # noqa: PLC0415

        if isinstance(stop, Trap):
            self._panic(core, stop.fault, stop.value)
            return False
        return self._call_rom(core, stop.address)

    def _call_rom(self, core: Core, address: int) -> bool:
        function = FUNCTIONS.get(address)
        if function is None:
            self._panic(core, Fault.INSTRUCTION_ACCESS, address)
            return False
        match function(self):
            case Wait(until, again):
                self._asleep_until, self._call_again = until, again
                return False
            case Reset():
                self._request_reset(ResetCause.RTC_SW_SYS, self.now)
                return False
            case int() as result:
                core.return_from_call(result)
        return True

    def _panic(self, core: Core, fault: Fault, value: int) -> None:
        registers = {**core.registers(), "MCAUSE": fault.mcause, "MTVAL": value}
        uart = self._peripherals.uart
        uart.send(panic.text(fault, registers, self.memory.read_word))
        self._request_reset(ResetCause.RTC_SW_CPU, uart.quiet_at)

    def _request_reset(self, cause: ResetCause, at: float) -> None:
        self._reset_cause, self._reset_at = cause, at

    # --- what ROM functions work on (romcalls.Context) ---

    @property
    def uart(self) -> peripherals.Uart:
        """UART0."""
        return self._peripherals.uart

    def argument(self, index: int) -> int:
        """An argument of the ROM function that was called."""
        assert self._core is not None
        return self._core.argument(index)

    def forget_code(self) -> None:
        """A ROM function has written RAM."""
        assert self._core is not None
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
            assert self._core is not None
            self._core.stop()


def _is_register(address: int) -> bool:
    return peripherals.BASE <= address < peripherals.BASE + peripherals.SIZE
