"""A linker's map: how much of the output each object brought. Pure.

GNU ld's and lld's maps are read; of any other nothing is found, which is no error: a map is for
people, and its format is nobody's promise.

    GNU   .text.setup    0x00000100       0x24 /p/obj/main.cpp.o
    lld   42000100 42000100       24     2         /p/obj/main.cpp.o:(.text.setup)
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

_GNU_OUTPUT = re.compile(r"^(\.[\w.$]+|[A-Za-z_][\w.$]*)(?:\s+0x[0-9a-f]+\s+0x[0-9a-f]+.*)?$")
_GNU_INPUT = re.compile(
    r"^ +(?:\S+\s+)?0x(?P<at>[0-9a-f]+)\s+0x(?P<size>[0-9a-f]+)\s+(?P<file>\S.*)$"
)
_LLD = re.compile(
    r"^\s*[0-9a-f]+\s+[0-9a-f]+\s+(?P<size>[0-9a-f]+)\s+\d+\s(?P<indent>\s*)(?P<what>\S.*)$"
)
_LLD_INPUT = re.compile(r"^(?P<file>.+):\((?P<section>[^)]*)\)$")


def sizes(text: str, outputs: Collection[str]) -> dict[str, int]:
    """Bytes by input file, counted in the output sections `outputs` only."""
    found: dict[str, int] = {}
    read = _gnu if "Linker script and memory map" in text else _lld
    for name, size in read(text, outputs):
        if size:
            found[name] = found.get(name, 0) + size
    return found


def _gnu(text: str, outputs: Collection[str]) -> Iterator[tuple[str, int]]:
    counts = False
    for line in text.partition("Linker script and memory map")[2].splitlines():
        if line[:1] not in ("", " "):
            output = _GNU_OUTPUT.match(line)
            counts = output is not None and output[1] in outputs
        elif counts and (match := _GNU_INPUT.match(line)):
            yield _member(match["file"]), int(match["size"], 16)


def _lld(text: str, outputs: Collection[str]) -> Iterator[tuple[str, int]]:
    counts = False
    for line in text.splitlines():
        match = _LLD.match(line)
        if match is None:
            continue
        inner = _LLD_INPUT.match(match["what"])
        if inner is None:
            if not match["indent"]:
                counts = match["what"] in outputs
        elif counts:
            yield _member(inner["file"]), int(match["size"], 16)


def _member(name: str) -> str:
    """`/p/core.a(main.cpp.o)` is /p/core.a/main.cpp.o: archives are folders to a reader."""
    match = re.fullmatch(r"(.+)\((.+)\)", name)
    return f"{match[1]}/{match[2]}" if match else name
