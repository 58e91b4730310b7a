"""The RV32IMC core: unicorn with this chip's memory map. The only importer of unicorn.

Not here: what registers mean (peripherals.py), what ROM functions do (romcalls.py), time.

Rules
- A run is a number of instructions, never a time: the same input gives the same run.
- The mask ROM is mapped but cannot be executed: a jump into it stops the run, and whoever runs
  the core does what the function there does.
- Every stop says why; PC is then the instruction that could not be executed, or the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import unicorn
from unicorn import riscv_const as riscv

from fbuild_watch.virtual import peripherals
from fbuild_watch.virtual.memory import WINDOWS, Memory
from fbuild_watch.virtual.panic import REGISTERS, Fault, Trap
from fbuild_watch.virtual.romcalls import RomCall

ROM_BASE, ROM_SIZE = 0x40000000, 0x60000

_NOWHERE = 0xFFFFFFFE
"""Where a run would end by itself: no code of this chip lies there."""

_SET_AT_A_TRAP = ("MEPC", "MCAUSE", "MTVAL")
_REGISTERS = {
    name: getattr(riscv, f"UC_RISCV_REG_{name.partition('/')[0]}")
    for name in REGISTERS
    if name not in _SET_AT_A_TRAP
}

_FAULTS = {
    unicorn.UC_ERR_READ_UNMAPPED: Fault.LOAD_ACCESS,
    unicorn.UC_ERR_READ_PROT: Fault.LOAD_ACCESS,
    unicorn.UC_ERR_WRITE_UNMAPPED: Fault.STORE_ACCESS,
    unicorn.UC_ERR_WRITE_PROT: Fault.STORE_ACCESS,
    unicorn.UC_ERR_FETCH_UNMAPPED: Fault.INSTRUCTION_ACCESS,
    unicorn.UC_ERR_FETCH_PROT: Fault.INSTRUCTION_ACCESS,
    unicorn.UC_ERR_INSN_INVALID: Fault.ILLEGAL_INSTRUCTION,
}
_EXCEPTIONS = {8: Fault.ENVIRONMENT_CALL, 11: Fault.ENVIRONMENT_CALL}
"""By number, as unicorn's interrupt hook gets them; all others are illegal instructions."""

_EBREAKS = (0x00100073, 0x9002)


class Core:
    """A CPU on a memory and a bus of registers.

    `read` and `write` are called with a register's address for every 32-bit access to one.
    One core serves a machine for life: unicorn reserves a GB of addresses for each, and gives it
    back only when Python's cycle collector gets to it.
    """

    def __init__(
        self,
        memory: Memory,
        read: Callable[[int], int],
        write: Callable[[int, int], None],
    ) -> None:
        self._memory = memory  # unicorn works on its buffer: it must not go before us
        self._uc = uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
        self._read, self._write = read, write
        self._trap: Trap | None = None
        self._bad_address: int | None = None
        for window in WINDOWS:
            rights = unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE
            rights |= unicorn.UC_PROT_EXEC if window.executable else 0
            uc.mem_map_ptr(window.base, window.size, rights, memory.pointer(window))
        uc.mem_map(ROM_BASE, ROM_SIZE, unicorn.UC_PROT_READ)
        uc.mmio_map(peripherals.BASE, peripherals.SIZE, self._on_read, None, self._on_write, None)
        uc.hook_add(unicorn.UC_HOOK_INTR, self._on_exception)
        uc.hook_add(unicorn.UC_HOOK_MEM_INVALID, self._on_bad_access)
        self._reset_state = uc.context_save()

    def reset(self, entry: int, stack: int) -> None:
        """Begin anew: all registers as after a reset but PC and SP, all code forgotten."""
        self._uc.context_restore(self._reset_state)
        self.forget_code()
        self._uc.reg_write(riscv.UC_RISCV_REG_SP, stack)
        self.pc = entry

    def run(self, instructions: int) -> RomCall | Trap | None:
        """Execute at most this many; None: nothing happened that needs the caller."""
        self._trap = self._bad_address = None
        try:
            self._uc.emu_start(self.pc, _NOWHERE, count=instructions)
        except unicorn.UcError as error:
            if self._in_rom(error):
                return RomCall(self.pc)
            return self._trap_of(error)
        return self._trap

    def _trap_of(self, error: unicorn.UcError) -> Trap:
        fault = _FAULTS.get(error.errno, Fault.ILLEGAL_INSTRUCTION)
        if self._bad_address is not None:
            return Trap(fault, self._bad_address)
        instruction = self._instruction()
        if instruction in _EBREAKS:  # unicorn takes it for an instruction that is not there
            return Trap(Fault.BREAKPOINT, 0)
        return Trap(fault, instruction)

    def take_trap(self, trap: Trap) -> bool:
        """Go on in the firmware's trap handler; False: it has set none (mtvec is 0)."""
        vector = int(self._uc.reg_read(riscv.UC_RISCV_REG_MTVEC)) & ~3
        if not vector:
            return False
        self._uc.reg_write(riscv.UC_RISCV_REG_MEPC, self.pc)
        self._uc.reg_write(riscv.UC_RISCV_REG_MCAUSE, trap.fault.mcause)
        self._uc.reg_write(riscv.UC_RISCV_REG_MTVAL, trap.value)
        self.pc = vector
        return True

    def stop(self) -> None:
        """End the run after the current instruction; for calls from `read` and `write`."""
        self._uc.emu_stop()

    def forget_code(self) -> None:
        """RAM was changed from outside: code that was there before is not what is there now."""
        self._uc.ctl_flush_tb()

    # --- registers ---

    @property
    def pc(self) -> int:
        """Where the next instruction is."""
        return int(self._uc.reg_read(riscv.UC_RISCV_REG_PC))

    @pc.setter
    def pc(self, address: int) -> None:
        self._uc.reg_write(riscv.UC_RISCV_REG_PC, address)

    def argument(self, index: int) -> int:
        """Argument `index` (0 to 7) of the function that was just called."""
        return int(self._uc.reg_read(riscv.UC_RISCV_REG_A0 + index))

    def return_from_call(self, result: int) -> None:
        """Go back to the caller with a result."""
        self._uc.reg_write(riscv.UC_RISCV_REG_A0, result & 0xFFFFFFFF)
        self.pc = int(self._uc.reg_read(riscv.UC_RISCV_REG_RA))

    def registers(self) -> dict[str, int]:
        """All registers that a panic shows, but those that say why: MEPC, MCAUSE, MTVAL."""
        return {name: int(self._uc.reg_read(number)) for name, number in _REGISTERS.items()}

    # --- unicorn's calls ---

    def _on_read(self, uc: Any, offset: int, size: int, data: Any) -> int:
        address = peripherals.BASE + offset
        word = self._read(address & ~3) >> 8 * (address & 3)
        return word & (1 << 8 * size) - 1

    def _on_write(self, uc: Any, offset: int, size: int, value: int, data: Any) -> None:
        address = peripherals.BASE + offset
        if size < 4:
            shift = 8 * (address & 3)
            kept = self._read(address & ~3) & ~((1 << 8 * size) - 1 << shift)
            value = kept | value << shift
        self._write(address & ~3, value & 0xFFFFFFFF)

    def _on_exception(self, uc: Any, number: int, data: Any) -> None:
        self.pc -= 4  # it stands behind the instruction, and takes each for 4 bytes long
        fault = _EXCEPTIONS.get(number, Fault.ILLEGAL_INSTRUCTION)
        value = self._instruction() if fault is Fault.ILLEGAL_INSTRUCTION else 0
        self._trap = Trap(fault, value)
        uc.emu_stop()

    def _on_bad_access(
        self, uc: Any, access: int, address: int, size: int, value: int, data: Any
    ) -> bool:
        self._bad_address = address
        return False

    def _in_rom(self, error: unicorn.UcError) -> bool:
        fetch = error.errno == unicorn.UC_ERR_FETCH_PROT
        return fetch and ROM_BASE <= self.pc < ROM_BASE + ROM_SIZE

    def _instruction(self) -> int:
        """The bits at PC: 2 or 4 bytes; 0 where nothing can be read."""
        low = self._memory.read(self.pc, 2)
        if low is None:
            return 0
        word = int.from_bytes(low, "little")
        high = self._memory.read(self.pc + 2, 2) if word & 3 == 3 else None
        return word | int.from_bytes(high or b"", "little") << 16
