"""ELF sections, linkers' maps, and what they come to."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.build import linkmap
from fbuild_watch.build.elf import Section, sections
from fbuild_watch.build.size import SizeReport, Sizes, usage
from fbuild_watch.model import SizeRecipe
from fbuild_watch.size_table import table

TEXT = Section(".text", 0, 1000, allocated=True, writable=False, has_bits=True)
DATA = Section(".data", 0x800100, 20, allocated=True, writable=True, has_bits=True)
BSS = Section(".bss", 0x800114, 300, allocated=True, writable=True, has_bits=False)
DEBUG = Section(".debug_info", 0, 9999, allocated=False, writable=False, has_bits=True)


def elf(found: list[Section], *, wide: bool, order: str) -> bytes:
    """A file with these sections, and the nameless first one that every ELF has."""
    names = b"\0" + b"".join(section.name.encode() + b"\0" for section in found)
    head = struct.Struct(order + ("16sHHIQQQIHHHHHH" if wide else "16sHHIIIIIHHHHHH"))
    entry = struct.Struct(order + ("IIQQQQIIQQ" if wide else "IIIIIIIIII"))
    rows = [entry.pack(*[0] * 10)]
    at = 1
    for section in found:
        flags = (2 if section.allocated else 0) | (1 if section.writable else 0)
        kind = 1 if section.has_bits else 8
        rows.append(entry.pack(at, kind, flags, section.address, 0, section.size, 0, 0, 0, 0))
        at += len(section.name) + 1
    start = head.size
    names_at = start + entry.size * (len(rows) + 1)
    rows.append(entry.pack(0, 3, 0, 0, names_at, len(names), 0, 0, 0, 0))
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2]) + bytes(10)
    fields = (
        ident,
        2,
        83,
        1,
        0,
        0,
        start,
        0,
        head.size,
        0,
        0,
        entry.size,
        len(rows),
        len(rows) - 1,
    )
    return head.pack(*fields) + b"".join(rows) + names


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_sections_of_every_kind_of_elf(wide: bool, order: str) -> None:
    found = [TEXT, DATA, BSS, DEBUG]
    assert sections(elf(found, wide=wide, order=order))[1:-1] == found


@given(st.binary(max_size=80))
def test_what_is_no_elf_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="ELF"):
        sections(data)


def test_every_truncation_is_a_value_error() -> None:
    whole = elf([TEXT, DATA], wide=False, order="<")
    for length in range(len(whole)):
        with pytest.raises(ValueError, match="ELF"):
            sections(whole[:length])


def test_usage_is_counted_as_the_core_says_or_by_flags() -> None:
    avr = SizeRecipe(
        r"^(?:\.text|\.data|\.bootloader)\s+([0-9]+).*", r"^(?:\.data|\.bss|\.noinit)\s+([0-9]+).*"
    )
    for recipe in (avr, SizeRecipe()):
        used = usage([TEXT, DATA, BSS, DEBUG], recipe)
        assert (used.program, used.data) == (1020, 320)


GNU = """
Discarded input sections

 .text.gone     0x00000000       0x99 /p/obj/a.o

Linker script and memory map

LOAD /p/obj/a.o

.text           0x00000000       0x50
 *(.vectors)
 .vectors       0x00000000       0x10 /usr/lib/crt.o
 .text.a_rather_long_name_of_a_function
                0x00000010       0x20 /p/obj/a.o
                0x00000010                a_rather_long_name_of_a_function
 *fill*         0x00000030        0x2
 .text          0x00000032        0x6 /p/core.a(main.cpp.o)

.data           0x00800100        0x4 load address 0x00000050
 .data          0x00800100        0x4 /p/obj/a.o

.debug_info     0x00000000      0x500
 .debug_info    0x00000000      0x500 /p/obj/a.o
OUTPUT(x.elf elf32-avr)
"""

LLD = """     VMA      LMA     Size Align Out     In      Symbol
42000000 42000000       36     2 .text
42000000 42000000       10     2         /p/obj/a.o:(.text.setup)
42000000 42000000       10     1                 setup
42000010 42000010       26     2         /p/core.a(b.o):(.text)
       0        0      500     1 .debug_info
       0        0      500     1         /p/obj/a.o:(.debug_info)
"""


def test_a_gnu_map_by_file() -> None:
    assert linkmap.sizes(GNU, {".text", ".data"}) == {
        "/usr/lib/crt.o": 0x10, "/p/obj/a.o": 0x24, "/p/core.a/main.cpp.o": 6,
    }  # fmt: skip


def test_an_lld_map_by_file() -> None:
    assert linkmap.sizes(LLD, {".text"}) == {"/p/obj/a.o": 0x10, "/p/core.a/b.o": 0x26}


@given(st.text(max_size=200))
def test_any_other_text_has_no_files(text: str) -> None:
    assert linkmap.sizes(text, set()) == {}


def test_the_table_says_what_changed() -> None:
    recipe = SizeRecipe(maximum_program=2000)
    before = Sizes(900, 100, {".text": 880, ".data": 20}, {"a.o": 500, "gone.o": 10})
    now = Sizes(1000, 100, {".text": 980, ".data": 20}, {"a.o": 600})
    lines = list(table(SizeReport(now, before, recipe)))
    assert lines[0] == "program       1,000 bytes of 2,000 (50.0 %)  +100"
    assert lines[1] == "RAM             100 bytes"
    assert "        600 a.o  +100" in lines
    assert "          0 gone.o  -10" in lines
    assert "         20 .data" in lines


def test_the_table_lists_the_largest_and_adds_up_the_rest() -> None:
    files = {f"f{number:02}.o": 100 - number for number in range(30)}
    lines = list(table(SizeReport(Sizes(files=files), None)))
    assert lines[-1] == f"  {sum(100 - number for number in range(20, 30)):9,} in 10 more"
    assert not any("+" in line for line in lines)
