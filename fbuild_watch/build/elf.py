"""The section headers of an ELF file (System V ABI, chapter 4): names, sizes, flags. Pure.

32 and 64 bit, either byte order. Nothing else of the file is read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_ALLOC, _WRITE, _NOBITS = 0x2, 0x1, 8


@dataclass(frozen=True, slots=True)
class Section:
    """One section."""

    name: str
    address: int
    size: int
    allocated: bool
    """Whether it takes room on the board."""
    writable: bool
    has_bits: bool
    """Whether its content is in the file (.bss has none)."""


def sections(data: bytes) -> list[Section]:
    """All sections of an ELF, in order. Raises ValueError for what is none."""
    if data[:4] != b"\x7fELF":
        raise ValueError("not an ELF file")
    try:
        return _sections(data)
    except (struct.error, IndexError, ValueError) as error:
        raise ValueError(f"not a whole ELF file: {error}") from error


def _sections(data: bytes) -> list[Section]:
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    head = struct.Struct(order + ("16sHHIQQQIHHHHHH" if wide else "16sHHIIIIIHHHHHH"))
    fields = head.unpack_from(data)
    start, size, count, names_at = fields[6], fields[11], fields[12], fields[13]
    entry = struct.Struct(order + ("IIQQQQIIQQ" if wide else "IIIIIIIIII"))
    rows = [entry.unpack_from(data, start + size * number) for number in range(count)]
    if not rows:
        return []
    names = data[rows[names_at][4] :][: rows[names_at][5]]
    return [_section(row, names) for row in rows]


def _section(row: tuple[int, ...], names: bytes) -> Section:
    name, kind, flags, address, _offset, size = row[:6]
    return Section(
        name=names[name : names.index(b"\0", name)].decode(errors="replace"),
        address=address,
        size=size,
        allocated=bool(flags & _ALLOC),
        writable=bool(flags & _WRITE),
        has_bits=kind != _NOBITS,
    )
