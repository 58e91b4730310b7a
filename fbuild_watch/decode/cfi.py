"""Call frame information: how to get from a point in a function to its caller (DWARF 5, 6.4).

Compilers write it into .debug_frame with -g, or, for code that may throw, into .eh_frame (Linux
Standard Base, "Exception Frames"). Blocks: call it in a thread. Only the entry that covers an
address is given to pyelftools; to find it, the lengths and first fields of the others are enough.
"""

from __future__ import annotations

import io
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fbuild_watch.decode.program import Program

if TYPE_CHECKING:
    from elftools.dwarf.structs import DWARFStructs

Row = tuple[int, int, int, int]
"""Start and end of the code, offset of its entry, offset of the CIE that this shares."""

_CIE = 0xFFFFFFFF
"""In the place of a pointer to a CIE: this entry is one itself. In .eh_frame that is 0."""
_WIDE = 0xFFFFFFF0
"""Lengths from here on are those of 64-bit DWARF, which no compiler of these chips writes."""
_FOLLOWED = ("UNDEFINED", "SAME_VALUE", "OFFSET", "REGISTER")
_FORMATS = {0x00: "<II", 0x03: "<II", 0x0B: "<iI"}
"""Of an FDE's start and size, by the low half of the encoding that its CIE names."""
_RELATIVE = 0x10


@dataclass(frozen=True, slots=True)
class Rules:
    """How a caller's registers are found at one address."""

    cfa_register: int
    cfa_offset: int
    """The canonical frame address: this register of the callee's plus this. It is the caller's SP."""
    saved: dict[int, int]
    """Register -> where its value lies, from the CFA on."""
    moved: dict[int, int]
    """Register -> the register that has its value."""
    lost: frozenset[int]
    """Registers of which nothing is known in the caller."""


class CallFrames:
    """The rules of one program."""

    def __init__(self, program: Program) -> None:
        """Nothing is read before the first question."""
        self._program = program

    def rules(self, address: int) -> Rules | None:
        """None: nothing is known of this address, or it takes more than adding to follow."""
        for section, rows in self._sections:
            at = bisect_right(rows, address, key=lambda row: row[0]) - 1
            if at >= 0 and address < rows[at][1]:
                try:
                    return _rules(section.table(rows[at]), address)
                except Exception:  # damaged, in any way pyelftools has of saying so
                    return None
        return None

    @cached_property
    def _sections(self) -> list[tuple[_Section, list[Row]]]:
        """Each with its entries, by start. Functions that the linker dropped are at 0."""
        dwarf, found = self._program.dwarf, []
        for part in (dwarf.debug_frame_sec, dwarf.eh_frame_sec) if dwarf else ():
            if part is not None and dwarf is not None:
                part.stream.seek(0)
                is_eh = part is dwarf.eh_frame_sec
                section = _Section(part.stream.read(), part.address, dwarf.structs, is_eh=is_eh)
                rows = sorted(row for row in section.entries() if 0 < row[0] < row[1])
                found.append((section, rows))
        return found


class _Section:
    """The entries of one section."""

    def __init__(self, data: bytes, address: int, structs: DWARFStructs, *, is_eh: bool) -> None:
        self._data = data
        self._address = address
        self._structs = structs
        self._is_eh = is_eh
        self._encodings: dict[int, int] = {}

    def entries(self) -> Iterator[Row]:
        """All but the CIEs (32-bit DWARF, little-endian)."""
        at, cie_mark = 0, 0 if self._is_eh else _CIE
        while at + 16 <= len(self._data):
            length, pointer = struct.unpack_from("<II", self._data, at)
            if length >= _WIDE:
                return
            if length and pointer != cie_mark:
                cie = at + 4 - pointer if self._is_eh else pointer
                start, size = self._range(at, cie)
                yield start, start + size, at, cie
            at += 4 + length

    def table(self, row: Row) -> list[Any]:
        """pyelftools' table of an entry: a row for each point where the rules change.

        It is read from a section that has the entry and its CIE and nothing else.
        """
        _, _, offset, cie = row
        common, own = self._whole(cie), self._whole(offset)
        pointer = len(common) + 4 if self._is_eh else 0  # its CIE stands at 0 now
        alone = common + own[:4] + struct.pack("<I", pointer) + own[8:]
        return list(
            self._parsed(alone, self._address + offset - len(common))[1].get_decoded().table
        )

    def _range(self, at: int, cie: int) -> tuple[int, int]:
        """Start and size of an entry's code; size 0 where they are written in a way of their own."""
        encoding = self._encoding(cie) if self._is_eh else 0
        form = _FORMATS.get(encoding & 0xF)
        if form is None or encoding & 0x70 not in (0, _RELATIVE):
            return 0, 0
        start, size = struct.unpack_from(form, self._data, at + 8)
        if encoding & _RELATIVE:
            start += self._address + at + 8
        return start & 0xFFFFFFFF, size

    def _encoding(self, cie: int) -> int:
        if cie not in self._encodings:
            try:
                words = self._parsed(self._whole(cie), 0)[0].augmentation_dict
                self._encodings[cie] = int(words.get("FDE_encoding", 0))
            except Exception:  # damaged: its entries are left out
                self._encodings[cie] = 0xFF
        return self._encodings[cie]

    def _parsed(self, data: bytes, address: int) -> list[Any]:
        from elftools.dwarf.callframe import CallFrameInfo

        stream, size = io.BytesIO(data), len(data)
        return CallFrameInfo(stream, size, address, self._structs, self._is_eh).get_entries()

    def _whole(self, offset: int) -> bytes:
        (length,) = struct.unpack_from("<I", self._data, offset)
        return self._data[offset : offset + 4 + length]


def _rules(table: list[Any], address: int) -> Rules | None:
    row = next((row for row in reversed(table) if row["pc"] <= address), None)
    if row is None or row["cfa"].reg is None:
        return None
    rules = {number: rule for number, rule in row.items() if isinstance(number, int)}
    if any(rule.type not in _FOLLOWED for rule in rules.values()):
        return None

    def of(kind: str) -> dict[int, int]:
        return {number: rule.arg for number, rule in rules.items() if rule.type == kind}

    lost = frozenset(of("UNDEFINED"))
    return Rules(row["cfa"].reg, row["cfa"].offset, of("OFFSET"), of("REGISTER"), lost)
