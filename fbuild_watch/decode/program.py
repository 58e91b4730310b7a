"""An ELF as a debugger needs it: its code, its bytes by address, its functions by name.

Blocks and computes: call it in a thread. What is in the DWARF sections is `lines` and `frames`.
Sources: System V ABI, chapter 4; the Arm, Xtensa and RISC-V supplements name nothing more we use.
"""

from __future__ import annotations

import hashlib
import io
import struct
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fbuild_watch.decode.demangle import demangle

if TYPE_CHECKING:
    from elftools.dwarf.dwarfinfo import DWARFInfo
    from elftools.elf.elffile import ELFFile

_SYMBOL = struct.Struct("<IIIBBH")
"""Elf32_Sym: name, value, size, info, other, section."""
_NO_TYPE, _FUNCTION = 0, 2

MACHINES = {"EM_RISCV": "riscv", "EM_XTENSA": "xtensa", "EM_ARM": "arm", "EM_AVR": "avr"}


class ElfUnreadable(Exception):
    """A file is no whole ELF, or it cannot be read. For this room: the user is told in a notice."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A function: `[start, end)`, where a function without a size ends with the next one."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Block:
    """A section that takes room on the board."""

    start: int
    end: int
    is_code: bool
    data: bytes
    """Empty where the file has no content for it (.bss)."""


class Program:
    """One ELF file, read whole: the file may be replaced afterwards."""

    def __init__(self, data: bytes, name: str) -> None:
        """`name` is the file, for words. Raises ElfUnreadable."""
        self.name = name
        self._data = data
        try:
            self.elf = _open(data)
            self.machine = MACHINES.get(self.elf["e_machine"], "")
            self._blocks = _blocks(self.elf)
        except Exception as error:  # pyelftools raises anything for a damaged file
            raise ElfUnreadable(f"{name}: {error}") from error

    def is_code(self, address: int) -> bool:
        """Whether an instruction of this program may lie there."""
        return any(block.is_code and block.start <= address < block.end for block in self._blocks)

    def read(self, address: int, size: int) -> bytes | None:
        """`size` bytes as the file has them; None: not all of them are in it."""
        for block in self._blocks:
            at = address - block.start
            if at >= 0 and at + size <= len(block.data):
                return block.data[at : at + size]
        return None

    def symbol(self, address: int) -> Symbol | None:
        """The function at an address, by the symbol table."""
        at = bisect_right(self._symbols, address, key=lambda symbol: symbol.start) - 1
        found = self._symbols[at] if at >= 0 else None
        return found if found and found.start <= address < found.end else None

    @cached_property
    def dwarf(self) -> DWARFInfo | None:
        """The debug information; None: it was built without, or it cannot be read."""
        try:
            has = self.elf.has_dwarf_info()
            return self.elf.get_dwarf_info(relocate_dwarf_sections=False) if has else None
        except Exception:  # damaged: the symbols may be all right
            return None

    @cached_property
    def sha256(self) -> str:
        """The digest of the file that was read, in hex digits."""
        return hashlib.sha256(self._data).hexdigest()

    @cached_property
    def lowest_code(self) -> int:
        """Where code begins."""
        return min((block.start for block in self._blocks if block.is_code), default=0)

    @cached_property
    def _symbols(self) -> list[Symbol]:
        try:
            return _functions(self.elf, self._blocks)
        except Exception:  # a damaged symbol table: as none
            return []


def load(path: Path) -> Program:
    """Read an ELF. Raises ElfUnreadable."""
    try:
        return Program(path.read_bytes(), str(path))
    except OSError as error:
        raise ElfUnreadable(f"{path}: {error.strerror or error}") from error


def _open(data: bytes) -> ELFFile:
    from elftools.elf.elffile import ELFFile

    return ELFFile(io.BytesIO(data))


def _blocks(elf: ELFFile) -> tuple[Block, ...]:
    from elftools.elf.constants import SH_FLAGS

    blocks = []
    for section in elf.iter_sections():
        flags, start, size = section["sh_flags"], section["sh_addr"], section["sh_size"]
        if flags & SH_FLAGS.SHF_ALLOC and size:
            has_bits = section["sh_type"] != "SHT_NOBITS"
            is_code = bool(flags & SH_FLAGS.SHF_EXECINSTR) and has_bits
            blocks.append(Block(start, start + size, is_code, section.data() if has_bits else b""))
    return tuple(blocks)


def _functions(elf: ELFFile, blocks: tuple[Block, ...]) -> list[Symbol]:
    """In order of address. Labels without a type count where nothing else names the place.

    The table is read here: of an ELF with 30,000 symbols pyelftools would take a second.
    """
    table = elf.get_section_by_name(".symtab")
    if table is None or elf.elfclass != 32:
        return []
    names = elf.get_section(table["sh_link"]).data()
    thumb = ~1 if elf["e_machine"] == "EM_ARM" else ~0
    named: dict[int, tuple[str, int]] = {}
    for name_at, value, size, info, _other, _section in _SYMBOL.iter_unpack(table.data()):
        kind, start = info & 0xF, value & thumb
        if kind == _FUNCTION or (kind == _NO_TYPE and start not in named):
            name = names[name_at : names.index(b"\0", name_at)].decode(errors="replace")
            if kind == _FUNCTION or _is_label(name):
                named[start] = (name, size)
    return _ended(sorted((start, *rest) for start, rest in named.items()), blocks)


def _is_label(name: str) -> bool:
    """Whether a symbol without a type may name code: not the assemblers' own marks ($x, .L1)."""
    return bool(name) and name[0] not in "$."


def _ended(rows: list[tuple[int, str, int]], blocks: tuple[Block, ...]) -> list[Symbol]:
    """Only those in code, each with an end."""
    code = [block for block in blocks if block.is_code]
    symbols = []
    for (start, name, size), after in zip(rows, [*rows[1:], None], strict=True):
        block = next((block for block in code if block.start <= start < block.end), None)
        if block is not None:
            last = min(block.end, after[0]) if after else block.end
            symbols.append(Symbol(demangle(name), start, start + size if size else last))
    return symbols
