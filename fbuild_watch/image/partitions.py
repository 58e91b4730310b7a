"""Partition tables of ESP chips: CSV text <-> the binary table in flash. Pure.

Format: ESP-IDF programming guide, "Partition Tables". The table is 32-byte entries (magic AA 50,
type, subtype, offset, size, 16 bytes of name, flags; little-endian), then an entry EB EB with the
MD5 of all entries before it, then FF up to 0xC00 bytes.

Rules
- A blank offset follows the partition before it, aligned: 64 KB for apps, 4 KB for all others.
- Partitions lie behind the table's own sector, do not overlap, have one name each, fit the flash.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from fbuild_watch.errors import InvalidPartitions
from fbuild_watch.model import SECTOR

TABLE_OFFSET = 0x8000
TABLE_SIZE = 0xC00
_FIRST_FREE = TABLE_OFFSET + SECTOR
_APP_ALIGNMENT = 0x10000
_ENTRY = struct.Struct("<HBBII16sI")
_ENTRY_MAGIC = 0x50AA
_MD5_MAGIC = b"\xeb\xeb" + b"\xff" * 14
_MOST_ENTRIES = TABLE_SIZE // _ENTRY.size - 1
_NAME_SIZE = 16

APP, DATA = 0, 1
_TYPES = {"app": APP, "data": DATA, "bootloader": 2, "partition_table": 3}
_SUBTYPES: dict[int, dict[str, int]] = {
    APP: {
        "factory": 0x00,
        **{f"ota_{slot}": 0x10 + slot for slot in range(16)},
        "test": 0x20,
        "tee_0": 0x30,
        "tee_1": 0x31,
    },
    DATA: {
        "ota": 0x00, "phy": 0x01, "nvs": 0x02, "coredump": 0x03, "nvs_keys": 0x04, "efuse": 0x05,
        "undefined": 0x06, "esphttpd": 0x80, "fat": 0x81, "spiffs": 0x82, "littlefs": 0x83,
        "tee_ota": 0x90,
    },
    2: {"primary": 0x00, "ota": 0x01, "recovery": 0x02},
    3: {"primary": 0x00, "ota": 0x01},
}  # fmt: skip
_BEFORE_TABLE = (2, 3)
"""The types whose partitions may lie in front of the rest."""
_FLAGS = {"encrypted": 1, "readonly": 2}


@dataclass(frozen=True, slots=True)
class Partition:
    """One entry. Offset and size in bytes."""

    name: str
    type: int
    subtype: int
    offset: int
    size: int
    flags: int = 0

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.offset + self.size


def parse(text: str, path: str, flash_size: int | None = None) -> tuple[Partition, ...]:
    """Read a CSV; a blank offset is filled in. Raises InvalidPartitions with the line."""
    table: list[Partition] = []
    for number, line in _lines(text):
        row = _Row(path, number, line)
        free = table[-1].end if table else _FIRST_FREE
        partition = row.partition(free)
        row.check(partition, table, flash_size)
        table.append(partition)
    if not table:
        raise InvalidPartitions("the table has no partition", path=path)
    return tuple(table)


def encode(table: tuple[Partition, ...]) -> bytes:
    """The binary table, 0xC00 bytes."""
    entries = b"".join(
        _ENTRY.pack(
            _ENTRY_MAGIC, part.type, part.subtype, part.offset, part.size,
            part.name.encode(), part.flags,
        )
        for part in table
    )  # fmt: skip
    digest = hashlib.md5(entries, usedforsecurity=False).digest()
    return (entries + _MD5_MAGIC + digest).ljust(TABLE_SIZE, b"\xff")


def decode(data: bytes, path: str) -> tuple[Partition, ...]:
    """Read a binary table. Raises InvalidPartitions for what is none, or has a wrong MD5."""
    table = []
    for at in range(0, len(data) - _ENTRY.size + 1, _ENTRY.size):
        entry = data[at : at + _ENTRY.size]
        if entry == b"\xff" * _ENTRY.size:
            break
        if entry.startswith(_MD5_MAGIC):
            if hashlib.md5(data[:at], usedforsecurity=False).digest() != entry[16:]:
                raise InvalidPartitions("the table's MD5 is wrong", path=path)
            break
        magic, kind, subtype, offset, size, name, flags = _ENTRY.unpack(entry)
        if magic != _ENTRY_MAGIC:
            raise InvalidPartitions(f"the entry at {at:#x} is no partition", path=path)
        text = name.rstrip(b"\0").decode("utf-8", errors="replace")
        table.append(Partition(text, kind, subtype, offset, size, flags))
    return tuple(table)


def app_partition(table: tuple[Partition, ...]) -> Partition | None:
    """Where a freshly flashed app belongs: `factory`, else the first OTA slot."""
    apps = [part for part in table if part.type == APP]
    return min(apps, key=lambda part: part.subtype, default=None)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = raw.strip()
        if line and not line.startswith("#"):
            yield number, line


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the CSV: name, type, subtype, offset, size[, flags]."""

    path: str
    number: int
    line: str

    def partition(self, free: int) -> Partition:
        """Read the line; `free` is the end of the partition before it."""
        fields = [field.strip() for field in self.line.split(",")]
        if len(fields) < 5 or (len(fields) > 6 and any(fields[6:])):
            raise self.error("a line is: name, type, subtype, offset, size, flags")
        name, type_text, subtype_text, offset_text, size_text = fields[:5]
        kind = self._named(type_text, _TYPES, "type")
        alignment = _APP_ALIGNMENT if kind == APP else SECTOR
        offset = self._size(offset_text, "offset") if offset_text else _align(free, alignment)
        return Partition(
            name, kind, self._subtype(kind, subtype_text), offset,
            self._size(size_text, "size"), self._flags(fields[5] if len(fields) > 5 else ""),
        )  # fmt: skip

    def check(self, part: Partition, before: list[Partition], flash_size: int | None) -> None:
        """Hold a partition against the rules and against those before it."""
        alignment = _APP_ALIGNMENT if part.type == APP else SECTOR
        if not part.name or len(part.name.encode()) > _NAME_SIZE:
            raise self.error(f"the name {part.name!r} must have 1 to {_NAME_SIZE} bytes")
        if part.offset % alignment:
            raise self.error(f"offset {part.offset:#x} is not a multiple of {alignment:#x}")
        if not part.size or part.size % SECTOR:
            raise self.error(f"size {part.size:#x} is not a multiple of {SECTOR:#x}")
        if part.offset < _FIRST_FREE and part.type not in _BEFORE_TABLE:
            raise self.error(f"offset {part.offset:#x} is below the first free {_FIRST_FREE:#x}")
        if flash_size is not None and part.end > flash_size:
            raise self.error(f"it ends at {part.end:#x}, the flash at {flash_size:#x}")
        for other in before:
            if other.name == part.name:
                raise self.error(f"there are two partitions {part.name!r}")
            if part.offset < other.end and other.offset < part.end:
                raise self.error(f"it overlaps {other.name!r} ({other.offset:#x}..{other.end:#x})")
        if len(before) >= _MOST_ENTRIES:
            raise self.error(f"a table holds at most {_MOST_ENTRIES} partitions")

    def error(self, message: str) -> InvalidPartitions:
        """What is wrong with this line."""
        return InvalidPartitions(message, path=self.path, line=self.number)

    def _subtype(self, kind: int, text: str) -> int:
        if not text and kind == APP:
            raise self.error("an app needs a subtype, such as factory or ota_0")
        return self._named(text or "undefined", _SUBTYPES.get(kind, {"undefined": 0}), "subtype")

    def _named(self, text: str, names: dict[str, int], what: str) -> int:
        if text.lower() in names:
            return names[text.lower()]
        try:
            value = int(text, 0)
        except ValueError:
            known = ", ".join(names)
            raise self.error(f"{what} {text!r} is neither a number nor one of: {known}") from None
        if not 0 <= value <= 0xFE:
            raise self.error(f"{what} {text} is not within 0..0xfe")
        return value

    def _size(self, text: str, what: str) -> int:
        """A number of bytes: decimal, 0x..., with K or M behind it."""
        units = {"k": 1 << 10, "m": 1 << 20}
        unit = units.get(text[-1:].lower(), 1)
        try:
            value = int(text if unit == 1 else text[:-1], 0) * unit
        except ValueError:
            raise self.error(f"{what} {text!r} is not a size such as 0x6000, 24K or 1M") from None
        if not 0 <= value < 1 << 32:
            raise self.error(f"{what} {text} is out of range")
        return value

    def _flags(self, text: str) -> int:
        flags = 0
        for name in filter(None, (name.strip() for name in text.split(":"))):
            if name not in _FLAGS:
                raise self.error(f"flag {name!r} is none of: {', '.join(_FLAGS)}")
            flags |= _FLAGS[name]
        return flags


def _align(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment
