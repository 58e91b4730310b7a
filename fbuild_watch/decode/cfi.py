"""Call frame information: how to get from a point in a function to its caller (DWARF 5, 6.4).

.debug_frame only, which the compilers of these chips write with -g. Blocks: call it in a thread.
Only the entry that covers an address is given to pyelftools; to find it, the lengths and the first
two fields of the others are enough.
"""

from __future__ import annotations

import io
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fbuild_watch.decode.program import Program

_CIE = 0xFFFFFFFF
"""In the place of a pointer to a CIE: this entry is one itself."""


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
        self._program = program

    def rules(self, address: int) -> Rules | None:
        """None: nothing is known of this address, or it takes more than adding to follow."""
        at = bisect_right(self._index, address, key=lambda row: row[0]) - 1
        if at < 0 or address >= self._index[at][1]:
            return None
        _, _, offset, cie = self._index[at]
        try:
            return self._decode(address, offset, cie)
        except Exception:  # damaged, in any way pyelftools has of saying so
            return None

    @cached_property
    def _data(self) -> bytes:
        dwarf = self._program.dwarf
        section = dwarf.debug_frame_sec if dwarf else None
        if section is None:
            return b""
        section.stream.seek(0)
        return section.stream.read()

    @cached_property
    def _index(self) -> list[tuple[int, int, int, int]]:
        """Start, end, offset of the entry, offset of its CIE; by start. Dropped functions are at 0."""
        return sorted(row for row in _entries(self._data) if 0 < row[0] < row[1])

    def _decode(self, address: int, offset: int, cie: int) -> Rules | None:
        table = self._entry(offset, cie).get_decoded().table
        row: Any = next((row for row in reversed(table) if row["pc"] <= address), None)
        if row is None or row["cfa"].reg is None:
            return None
        rules = {number: rule for number, rule in row.items() if isinstance(number, int)}
        if any(rule.type not in _FOLLOWED for rule in rules.values()):
            return None

        def of(kind: str) -> dict[int, int]:
            return {number: rule.arg for number, rule in rules.items() if rule.type == kind}

        lost = frozenset(of("UNDEFINED"))
        return Rules(row["cfa"].reg, row["cfa"].offset, of("OFFSET"), of("REGISTER"), lost)

    def _entry(self, offset: int, cie: int) -> Any:
        """The entry, read from a section that has it and its CIE and nothing else."""
        from elftools.dwarf.callframe import CallFrameInfo

        dwarf = self._program.dwarf
        assert dwarf is not None
        common, own = _whole(self._data, cie), _whole(self._data, offset)
        alone = common + own[:4] + bytes(4) + own[8:]  # its CIE stands at 0 now
        section = CallFrameInfo(io.BytesIO(alone), len(alone), 0, dwarf.structs)
        return section.get_entries()[1]


_FOLLOWED = ("UNDEFINED", "SAME_VALUE", "OFFSET", "REGISTER")


def _entries(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Start, end, offset, CIE's offset of each entry (32-bit DWARF, little-endian)."""
    at = 0
    while at + 16 <= len(data):
        length, cie, start, size = struct.unpack_from("<IIII", data, at)
        if cie != _CIE:
            yield start, start + size, at, cie
        at += 4 + length


def _whole(data: bytes, offset: int) -> bytes:
    (length,) = struct.unpack_from("<I", data, offset)
    return data[offset : offset + 4 + length]
