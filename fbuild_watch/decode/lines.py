"""Address to function, file and line, with what was inlined there: DWARF 4 and 5, by pyelftools.

Only the compile unit that has the address is read: its line table once, and of its tree of entries
only the path to the address. Blocks and computes: call it in a thread.

Rules
- Ranges that begin at 0 are those of functions that the linker dropped.
- Damaged or missing debug information is as none: then the symbol table names the function.
"""

from __future__ import annotations

import posixpath
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fbuild_watch.decode.program import Program

if TYPE_CHECKING:
    from elftools.dwarf.compileunit import CompileUnit
    from elftools.dwarf.die import DIE
    from elftools.dwarf.dwarfinfo import DWARFInfo

Ranges = list[tuple[int, int]]

_SCOPES = ("DW_TAG_namespace", "DW_TAG_module")
_NAMED_SCOPES = (*_SCOPES, "DW_TAG_class_type", "DW_TAG_structure_type", "DW_TAG_union_type")
_BLOCKS = ("DW_TAG_lexical_block", "DW_TAG_try_block", "DW_TAG_catch_block")
_INLINED = "DW_TAG_inlined_subroutine"
_ORIGINS = ("DW_AT_abstract_origin", "DW_AT_specification")


@dataclass(frozen=True, slots=True)
class Place:
    """A point in the source. `file` as the compiler has it; empty and 0 where it is not known."""

    function: str
    file: str = ""
    line: int = 0
    folder: str = ""
    """Where a relative `file` begins."""
    inlined: bool = False
    """Whether the compiler put the function into the next place's."""


@dataclass(frozen=True, slots=True)
class _Row:
    address: int
    file: int
    line: int


class Lines:
    """The places of one program."""

    def __init__(self, program: Program) -> None:
        """Nothing is read before the first question."""
        self._program = program
        self._units: dict[int, _Unit] = {}

    def places(self, address: int) -> list[Place]:
        """What runs at an address: the innermost inlined function first, the real one last.

        At least the symbol's name, or nothing where not even that is known.
        """
        try:
            unit = self._unit(address)
            found = unit.places(address) if unit else []
        except Exception:  # damaged debug information, in any way pyelftools has of saying so
            found = []
        symbol = self._program.symbol(address)
        if not found:
            return [Place(symbol.name)] if symbol else []
        if not found[-1].function and symbol:  # an assembler's lines have no functions
            last = found[-1]
            return [*found[:-1], Place(symbol.name, last.file, last.line, last.folder)]
        return found

    def _unit(self, address: int) -> _Unit | None:
        dwarf = self._program.dwarf
        if dwarf is None:
            return None
        at = bisect_right(self._index, address, key=lambda row: row[0]) - 1
        # Ranges may nest where one unit's hot and cold parts lie around another's: look back.
        for low, high, offset in reversed(self._index[max(0, at - 8) : at + 1]):
            if low <= address < high:
                return self._load(dwarf, offset)
        return None

    def _load(self, dwarf: DWARFInfo, offset: int) -> _Unit:
        if offset not in self._units:
            self._units[offset] = _Unit(dwarf, dwarf.get_CU_at(offset))
        return self._units[offset]

    @cached_property
    def _index(self) -> list[tuple[int, int, int]]:
        """Where the code of each unit is: start, end, offset in .debug_info; by start.

        .debug_aranges says it at once; units that are not in it (clang writes none) are asked.
        """
        dwarf = self._program.dwarf
        if dwarf is None:
            return []
        table = dwarf.debug_aranges_sec
        little = dwarf.config.little_endian
        rows = list(aranges(table.stream.read(), little=little)) if table else []
        known = {offset for _, _, offset in rows}
        for unit in dwarf.iter_CUs():
            if unit.cu_offset not in known:
                rows += [(*each, unit.cu_offset) for each in _ranges(dwarf, unit.get_top_DIE())]
        return sorted(row for row in rows if 0 < row[0] < row[1])


class _Unit:
    """One compile unit."""

    def __init__(self, dwarf: DWARFInfo, unit: CompileUnit) -> None:
        self._dwarf = dwarf
        self._top = unit.get_top_DIE()
        self._table = dwarf.line_program_for_CU(unit)
        self._folder = _text(self._top, "DW_AT_comp_dir")

    def places(self, address: int) -> list[Place]:
        """As Lines.places; the last one's function may be empty."""
        row = self._row(address)
        file, line = (self._file(row.file), row.line) if row else ("", 0)
        found: list[Place] = []
        chain = self._functions(address)
        for die in reversed(chain):
            inlined = die.tag == _INLINED
            found.append(Place(_name(die), file, line, self._folder, inlined))
            if inlined:
                file = self._file(_number(die, "DW_AT_call_file"))
                line = _number(die, "DW_AT_call_line")
        return found or ([Place("", file, line, self._folder)] if row else [])

    def _functions(self, address: int) -> list[DIE]:
        """The function that has the address, and what was inlined around it, outermost first."""
        chain: list[DIE] = []
        found = self._find(self._top, address, "DW_TAG_subprogram", _SCOPES)
        while found is not None:
            chain.append(found)
            found = self._find(found, address, _INLINED, _BLOCKS)
        return chain

    def _find(self, scope: DIE, address: int, tag: str, through: tuple[str, ...]) -> DIE | None:
        """The entry with a tag that has the address, below `scope` or below what is in `through`."""
        for die in scope.iter_children():
            if die.tag == tag and self._has(die, address):
                return die
            if die.tag in through and (found := self._find(die, address, tag, through)):
                return found
        return None

    def _has(self, die: DIE, address: int) -> bool:
        return any(low <= address < high for low, high in _ranges(self._dwarf, die))

    def _row(self, address: int) -> _Row | None:
        """The line table's row that covers an address.

        Code that stands for no line (the compilers say 0) counts as that of the line before it.
        """
        for sequence in self._sequences:
            if sequence[0].address <= address < sequence[-1].address:
                at = bisect_right(sequence, address, key=lambda row: row.address) - 1
                return next((row for row in sequence[at::-1] if row.line), sequence[at])
        return None

    @cached_property
    def _sequences(self) -> list[list[_Row]]:
        sequences, rows = [], []
        for entry in self._table.get_entries() if self._table else ():
            state = entry.state
            if state is None:
                continue
            rows.append(_Row(state.address, state.file, state.line))
            if state.end_sequence:
                if rows[0].address > 0:
                    sequences.append(rows)
                rows = []
        return sequences

    def _file(self, number: int) -> str:
        """A file of the line table: counted from 1 up to DWARF 4, from 0 since DWARF 5."""
        if self._table is None:
            return ""
        header = self._table.header
        first = 0 if header["version"] >= 5 else 1
        files, folders = header["file_entry"], header["include_directory"]
        if not 0 <= number - first < len(files):
            return ""
        entry = files[number - first]
        name, at = _decoded(entry.name), entry.dir_index - first
        folder = _decoded(folders[at]) if 0 <= at < len(folders) else ""
        return posixpath.join(folder, name)


def aranges(data: bytes, *, little: bool) -> Iterator[tuple[int, int, int]]:
    """What .debug_aranges says: start, end, and the offset of the unit (DWARF 5, 6.1.2).

    Not by pyelftools, which ends a table at its first pair of zeros: a RISC-V linker leaves one in
    the place of each function that it dropped.
    """
    order, at = "<" if little else ">", 0
    while at + 12 <= len(data):
        length, _version, unit, address_size, _segment = struct.unpack_from(
            order + "IHIBB", data, at
        )
        pair = struct.Struct(order + ("QQ" if address_size == 8 else "II"))
        start = at + -(-12 // pair.size) * pair.size
        at += 4 + length
        for low, size in pair.iter_unpack(data[start : at - (at - start) % pair.size]):
            if size:
                yield low, low + size, unit


def _ranges(dwarf: DWARFInfo, die: DIE) -> Ranges:
    """The code of an entry of the tree, as [start, end)."""
    low = die.attributes.get("DW_AT_low_pc")
    high = die.attributes.get("DW_AT_high_pc")
    if low is not None and high is not None:
        end = high.value if high.form == "DW_FORM_addr" else low.value + high.value
        return [(low.value, end)] if low.value else []
    listed = die.attributes.get("DW_AT_ranges")
    return _listed(dwarf, die, listed.value) if listed is not None else []


def _listed(dwarf: DWARFInfo, die: DIE, offset: int) -> Ranges:
    from elftools.dwarf.compileunit import CompileUnit
    from elftools.dwarf.ranges import BaseAddressEntry

    lists = dwarf.range_lists()
    if lists is None or not isinstance(die.cu, CompileUnit):
        return []
    base = _number(die.cu.get_top_DIE(), "DW_AT_low_pc")
    ranges: Ranges = []
    for entry in lists.get_range_list_at_offset(offset, cu=die.cu):
        if isinstance(entry, BaseAddressEntry):
            base = entry.base_address
            continue
        start = 0 if entry.is_absolute else base
        ranges.append((start + entry.begin_offset, start + entry.end_offset))
    return [each for each in ranges if each[0] > 0]


def _name(die: DIE) -> str:
    """The function's name with its namespaces and classes."""
    for _ in range(4):  # an inlined copy -> its abstract instance -> its declaration
        origin = next((name for name in _ORIGINS if name in die.attributes), None)
        if origin is None:
            break
        die = die.get_DIE_from_attribute(origin)
    names = [_text(die, "DW_AT_name")]
    parent = die.get_parent()
    while parent is not None and parent.tag in _NAMED_SCOPES:
        names.append(_text(parent, "DW_AT_name"))
        parent = parent.get_parent()
    return "::".join(name for name in reversed(names) if name)


def _text(die: DIE, name: str) -> str:
    attribute = die.attributes.get(name)
    return _decoded(attribute.value) if attribute is not None else ""


def _number(die: DIE, name: str) -> int:
    attribute = die.attributes.get(name)
    return int(attribute.value) if attribute is not None else 0


def _decoded(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
