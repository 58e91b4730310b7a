"""What a board has said of a crash, as values: no ELF was asked yet. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Stack:
    """Memory of the stack as it was dumped: 32-bit words from `start` on."""

    start: int
    words: tuple[int, ...]

    def read(self, address: int) -> int | None:
        """The word at an address; None: it was not dumped."""
        at, off = divmod(address - self.start, 4)
        return self.words[at] if not off and 0 <= at < len(self.words) else None


@dataclass(frozen=True, slots=True)
class Crash:
    """One report of a board: a panic, an abort, a watchdog, or a plain backtrace.

    A plugin may give one of its own: with `title` and `frames` it is shown as ours are.
    """

    title: str
    """What happened, in the board's words."""
    frames: tuple[int, ...] = ()
    """Addresses in code, the innermost first, each inside the instruction that runs or that calls."""
    returns: tuple[int, ...] = ()
    """Return addresses, the innermost first: the call is the instruction before."""
    registers: Mapping[str, int] = field(default_factory=dict)
    """By the board's name: MEPC, SP, EXCVADDR ..."""
    stack: Stack | None = None
    elf_sha256: str = ""
    """The first hex digits of the ELF's SHA-256, where the board prints it."""
    notes: tuple[str, ...] = ()
    """More to know, a line each: what the registers mean, tasks that starved."""
    is_fatal: bool = True
    """Whether the firmware ended with it."""

    @property
    def pc(self) -> int | None:
        """Where it happened, by the registers."""
        return next((self.registers[name] for name in _PC if name in self.registers), None)

    @property
    def signature(self) -> tuple[object, ...]:
        """The same for the same crash again: what differs from run to run is not in it."""
        return self.title, self.pc, self.frames[:8], self.returns[:4], self.elf_sha256


_PC = ("MEPC", "PC", "EPC1")


@dataclass(frozen=True, slots=True)
class CoreDump:
    """A core dump that came over the UART: base64, as it was printed."""

    text: str
