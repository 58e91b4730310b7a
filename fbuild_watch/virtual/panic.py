"""The text of a panic, as ESP-IDF's handler prints it on a RISC-V chip. Pure.

For firmware that brings no handler: the machine prints this in its place, so that what reads the
console meets a crash in the form it knows. Source of the form: ESP-IDF,
"Fatal Errors", and its `panic_arch.c` for RISC-V.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

STACK_BYTES = 1024
_WORDS_PER_LINE = 8

REGISTERS = (
    "MEPC", "RA", "SP", "GP", "TP", "T0", "T1", "T2", "S0/FP", "S1", "A0", "A1", "A2", "A3",
    "A4", "A5", "A6", "A7", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11",
    "T3", "T4", "T5", "T6", "MSTATUS", "MTVEC", "MCAUSE", "MTVAL", "MHARTID",
)  # fmt: skip
"""In the order of the dump."""


class Fault(Enum):
    """Why the CPU could not go on: mcause (RISC-V privileged specification) and IDF's words."""

    INSTRUCTION_ACCESS = (1, "Instruction access fault")
    ILLEGAL_INSTRUCTION = (2, "Illegal instruction")
    BREAKPOINT = (3, "Breakpoint")
    LOAD_ACCESS = (5, "Load access fault")
    STORE_ACCESS = (7, "Store access fault")
    ENVIRONMENT_CALL = (11, "Environment call from M-mode")

    def __init__(self, mcause: int, words: str) -> None:
        self.mcause = mcause
        self.words = words


@dataclass(frozen=True, slots=True)
class Trap:
    """An instruction could not be executed; `value` is mtval's: an address, or its bits."""

    fault: Fault
    value: int


def text(
    fault: Fault, registers: Mapping[str, int], read_word: Callable[[int], int | None]
) -> bytes:
    """Print the dump of all `REGISTERS` and of the stack from SP on, as far as it is memory."""
    lines = [
        "",
        f"Guru Meditation Error: Core  0 panic'ed ({fault.words}). Exception was unhandled.",
        "",
        "Core  0 register dump:",
        *_register_lines(registers),
        "",
        "Stack memory:",
        *_stack_lines(registers["SP"], read_word),
        "",
        "Rebooting...",
        "",
    ]
    return "\r\n".join(lines).encode()


def _register_lines(registers: Mapping[str, int]) -> list[str]:
    fields = [f"{name:<8}: {registers[name]:#010x}  " for name in REGISTERS]
    return ["".join(fields[i : i + 4]) for i in range(0, len(fields), 4)]


def _stack_lines(sp: int, read_word: Callable[[int], int | None]) -> list[str]:
    lines = []
    step = struct.calcsize("<I") * _WORDS_PER_LINE
    for address in range(sp & ~3, (sp & ~3) + STACK_BYTES, step):
        words = [read_word(address + 4 * i) for i in range(_WORDS_PER_LINE)]
        known = [f"{word:#010x}" for word in words if word is not None]
        if known:
            lines.append(f"{address:08x}: {' '.join(known)}")
    return lines
