"""The ELF of a chip's mask ROM, where ESP-IDF's tools have installed it (esp-rom-elfs).

Only names come of it: these files have no debug information. Blocks: call it in a thread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from fbuild_watch.decode.program import ElfUnreadable, Program, load

LOW, HIGH = 0x40000000, 0x40070000
"""Where the mask ROMs of these chips have their code."""


def find(chip: str, date: str, environ: Mapping[str, str], home: Path) -> Program | None:
    """The ROM of `chip` whose banner has this date; without a date, where there is only one.

    None: it is not installed, or nothing says which of several it is.
    """
    files = [path for folder in _folders(environ, home) for path in _of_chip(folder, chip)]
    if not date:
        return _loaded(files[0]) if len({path.name for path in files}) == 1 else None
    return next((_loaded(path) for path in files if _has(path, date)), None)


def is_rom(address: int) -> bool:
    """Whether an address is in the mask ROM."""
    return LOW <= address < HIGH


def _folders(environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    if named := environ.get("ESP_ROM_ELF_DIR"):
        yield Path(named)
    tools = Path(environ.get("IDF_TOOLS_PATH") or home / ".espressif") / "tools"
    yield from sorted((tools / "esp-rom-elfs").glob("*"), reverse=True)
    yield home / ".platformio" / "packages" / "tool-esp-rom-elfs"


def _of_chip(folder: Path, chip: str) -> list[Path]:
    name = re.compile(rf"{re.escape(chip)}_rev\d+_rom\.elf")
    return sorted(path for path in folder.glob("*_rom.elf") if name.fullmatch(path.name))


def _has(path: Path, date: str) -> bool:
    try:
        return date.encode() in path.read_bytes()
    except OSError:
        return False


def _loaded(path: Path) -> Program | None:
    try:
        return load(path)
    except ElfUnreadable:
        return None
