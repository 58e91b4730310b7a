"""From what a board said to the calls that led there: which address, and how sure that is.

An Xtensa board unwinds its own stack and prints the result. A RISC-V board prints registers and
stack memory: the compiler's call frame information leads from caller to caller, and where that
ends (a library without it, an overwritten stack) words of the stack that follow a call are given
as probable. Pure, but slow: call it in a thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fbuild_watch.decode.calls import follows_call
from fbuild_watch.decode.cfi import CallFrames, Rules
from fbuild_watch.decode.crash import Crash, Stack
from fbuild_watch.decode.program import Program

MOST_STEPS = 64
MOST_PROBABLE = 16

_NAMES = (
    "ZERO", "RA", "SP", "GP", "TP", "T0", "T1", "T2", "S0/FP", "S1",
    "A0", "A1", "A2", "A3", "A4", "A5", "A6", "A7",
    "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11", "T3", "T4", "T5", "T6",
)  # fmt: skip
_RISCV = {name: number for number, name in enumerate(_NAMES)}
"""The board's names of the registers, by their DWARF numbers (RISC-V ELF psABI, "DWARF")."""
_RA, _SP = 1, 2
_FETCH_FAULT = 1
_XTENSA_CALL = 3
"""Bytes."""
_WINDOW = 0x3FFFFFFF
"""A return address of the windowed Xtensa ABI has the window's size in its two highest bits."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call, or the instruction that failed."""

    address: int
    """As it is shown."""
    within: int
    """An address inside the instruction: of a call, not where it returns to."""
    is_probable: bool = False
    """It was found lying on the stack: it may be of an earlier call."""


def trace(crash: Crash, program: Program, frames: CallFrames) -> list[Step]:
    """The innermost first. Addresses that are no code of the program are in it as well."""
    if crash.frames:
        return [Step(address, address) for address in crash.frames]
    if program.machine == "riscv" and crash.pc is not None and crash.stack is not None:
        return _walk(crash.pc, crash.registers, crash.stack, program, frames)
    steps = [Step(crash.pc, crash.pc)] if crash.pc is not None else []
    steps += [_returned(address) for address in crash.returns]
    if program.machine == "xtensa" and "A0" in crash.registers and not crash.stack:
        steps.append(_windowed(crash.registers["A0"]))
    found = _scan(program, crash.stack, crash.stack.start) if crash.stack else []
    return [*steps, *found]


def fits(crash: Crash, steps: list[Step], program: Program) -> bool:
    """Whether a trace may be of this program, as far as can be told: its calls are calls there."""
    own = [
        step.address for step in steps[1:] if not step.is_probable and program.is_code(step.within)
    ]
    if crash.frames:  # as the board prints them: the call itself, 3 bytes before where it returns
        returns = [address + _XTENSA_CALL for address in own]
    else:
        ra = crash.registers.get("RA", 0)
        returns = own + ([ra] if program.is_code(ra) else [])
    if returns:
        return 2 * sum(follows_call(program, address) for address in returns) > len(returns)
    pc = crash.frames[0] if crash.frames else crash.pc
    return pc is None or program.is_code(pc) or pc < program.lowest_code


def _returned(address: int, *, is_probable: bool = False) -> Step:
    return Step(address, address - 1, is_probable)


def _windowed(a0: int) -> Step:
    return _returned(a0 & _WINDOW | 0x40000000, is_probable=True)


def _walk(
    pc: int, named: Mapping[str, int], stack: Stack, program: Program, frames: CallFrames
) -> list[Step]:
    registers = {_RISCV[name]: value for name, value in named.items() if name in _RISCV}
    walker = _Walker(registers, stack, program, frames)
    is_jump = named.get("MCAUSE") == _FETCH_FAULT
    steps = list(walker.steps(pc, is_jump=is_jump))
    if not walker.is_through:
        steps += _scan(program, stack, walker.sp)
    return _without_repeats(steps)


class _Walker:
    """Goes from frame to frame of a RISC-V stack."""

    def __init__(
        self, registers: dict[int, int], stack: Stack, program: Program, frames: CallFrames
    ) -> None:
        self._registers = registers
        self._stack = stack
        self._program = program
        self._frames = frames
        self.is_through = False
        """Whether the outermost frame was reached."""

    @property
    def sp(self) -> int:
        """The stack pointer of the outermost frame that was reached."""
        return self._registers.get(_SP, self._stack.start)

    def steps(self, pc: int, *, is_jump: bool) -> Iterator[Step]:
        """From where it happened outwards. `is_jump`: the CPU was sent to where no code is."""
        step = Step(pc, pc)
        yield step
        rules = self._frames.rules(pc)
        if rules is None:  # no function of ours: whoever called it is in RA still, if it is a leaf
            step = _returned(self._registers.get(_RA, 0), is_probable=not is_jump)
            if not follows_call(self._program, step.address):
                return
            yield step
            rules = self._frames.rules(step.within)
        for _ in range(MOST_STEPS):
            address = self._climb(rules, is_innermost=step.address == pc) if rules else None
            if address is None:
                return
            if address == 0:
                self.is_through = True
                return
            if not self._program.is_code(address):
                return
            step = _returned(address)
            yield step
            rules = self._frames.rules(step.within)

    def _climb(self, rules: Rules, *, is_innermost: bool) -> int | None:
        """Make the registers those of the caller; where it goes on. None: that is not known."""
        registers = self._registers
        if rules.cfa_register not in registers:
            return None
        if _RA in rules.lost:
            return 0  # the compiler's way to say that nobody called this
        if not is_innermost and _RA not in rules.saved and _RA not in rules.moved:
            return None  # it never returns, so it did not keep where to
        cfa = registers[rules.cfa_register] + rules.cfa_offset
        caller = {number: registers[other] for number, other in rules.moved.items()}
        for number, offset in rules.saved.items():
            word = self._stack.read(cfa + offset)
            if word is None and number == _RA:
                return None  # beyond what was dumped
            if word is not None:
                caller[number] = word
        self._registers = {**registers, **caller, _SP: cfa}
        return self._registers.get(_RA)


def _scan(program: Program, stack: Stack, start: int) -> list[Step]:
    """The words from `start` on that may be return addresses."""
    first = max(0, (start - stack.start) // 4)
    found = (word for word in stack.words[first:] if follows_call(program, word))
    steps = [_returned(word, is_probable=True) for word, _ in zip(found, range(64), strict=False)]
    return _without_repeats(steps)[:MOST_PROBABLE]


def _without_repeats(steps: list[Step]) -> list[Step]:
    """Without those that say the same as the one before."""
    return [
        step for at, step in enumerate(steps) if at == 0 or step.address != steps[at - 1].address
    ]
