"""Partition tables of ESP chips: CSV text <-> the binary table in flash. Pure.

Format: ESP-IDF programming guide, "Partition Tables". The table is 32-byte entries (magic AA 50,
type, subtype, offset, size, 16 bytes of name, flags; little-endian), then an entry EB EB with the
MD5 of all entries before it, then FF up to 0xC00 bytes.

Rules (those of the guide; where it is silent, those of ESP-IDF's own tool)
- A blank offset follows the partition before it, aligned: 64 KB for apps, 4 KB for all others.
- A negative size reaches from the partition's offset to that place in flash.
- Partitions lie behind the table's own sector, in the order of the lines, and fit the flash.
  Only the primary bootloader and the table itself lie before; their places are not the CSV's to say.
- Names differ; in the table they are cut to 16 bytes.
- The chip needs an empty entry behind the MD5, so a table holds 94 partitions, not 95.
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
_END = b"\xff" * _ENTRY.size
_MOST_ENTRIES = TABLE_SIZE // _ENTRY.size - 2

APP, DATA, BOOTLOADER, TABLE = 0, 1, 2, 3
_TYPES = {"app": APP, "data": DATA, "bootloader": BOOTLOADER, "partition_table": TABLE}
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
        "tee_ota": 0x90, "tee_sec_stg": 0x91,
    },
    BOOTLOADER: {"primary": 0x00, "ota": 0x01, "recovery": 0x02},
    TABLE: {"primary": 0x00, "ota": 0x01},
}  # fmt: skip
_UNDEFINED = 0x06
_PRIMARY = 0x00
_OTA_DATA = {0x00: "ota", 0x90: "tee_ota"}
"""Subtypes of data of which there is one at most, of two sectors."""
_OTA_DATA_SIZE = 0x2000
_OTA = (DATA, 0x00)
_ALWAYS_WRITTEN = (0x00, 0x03)
"""Subtypes of data that are written at run time: ota and coredump cannot be read-only."""
_FILE_SYSTEMS = (0x82, 0x83)
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

    @property
    def is_factory(self) -> bool:
        """Whether it is the app that starts while no OTA data names another."""
        return (self.type, self.subtype) == (APP, 0x00)

    @property
    def is_fixed(self) -> bool:
        """Whether its place is the chip's to say: the primary bootloader, the table itself."""
        return self.type in (BOOTLOADER, TABLE) and self.subtype == _PRIMARY


def parse(
    text: str, path: str, flash_size: int | None = None, bootloader_offset: int = 0
) -> tuple[Partition, ...]:
    """Read a CSV; what it leaves open is filled in. Raises InvalidPartitions with the line.

    `bootloader_offset` is where the chip's ROM looks for the primary bootloader.
    """
    table: list[Partition] = []
    free = _FIRST_FREE
    for number, line in _lines(text):
        row = _Row(path, number, line, bootloader_offset)
        partition = row.partition(free)
        row.check(partition, free, flash_size)
        row.check_beside(partition, table)
        table.append(partition)
        if not partition.is_fixed:
            free = partition.end
    if not table:
        raise InvalidPartitions("the table has no partition", path=path)
    return tuple(table)


def encode(table: tuple[Partition, ...]) -> bytes:
    """The binary table, 0xC00 bytes."""
    entries = b"".join(
        _ENTRY.pack(
            _ENTRY_MAGIC, part.type, part.subtype, part.offset, part.size,
            part.name.encode()[:16], part.flags,
        )
        for part in table
    )  # fmt: skip
    digest = hashlib.md5(entries, usedforsecurity=False).digest()
    return (entries + _MD5_MAGIC + digest).ljust(TABLE_SIZE, b"\xff")


def decode(data: bytes, path: str) -> tuple[Partition, ...]:
    """Read a binary table. Raises InvalidPartitions for what is none, or has a wrong MD5."""
    table: list[Partition] = []
    for at in range(0, len(data) - _ENTRY.size + 1, _ENTRY.size):
        entry = data[at : at + _ENTRY.size]
        if entry == _END:
            return tuple(table)
        if entry.startswith(_MD5_MAGIC):
            if hashlib.md5(data[:at], usedforsecurity=False).digest() != entry[16:]:
                raise InvalidPartitions("the table's MD5 is wrong", path=path)
        else:
            table.append(_decode_entry(entry, at, path))
    raise InvalidPartitions("the table has no end", path=path)


def _decode_entry(entry: bytes, at: int, path: str) -> Partition:
    magic, kind, subtype, offset, size, name, flags = _ENTRY.unpack(entry)
    if magic != _ENTRY_MAGIC:
        raise InvalidPartitions(f"the entry at {at:#x} is no partition", path=path)
    text = name.partition(b"\0")[0].decode("utf-8", errors="replace")
    return Partition(text, kind, subtype, offset, size, flags)


def app_partition(table: tuple[Partition, ...]) -> Partition | None:
    """Where a freshly flashed app belongs: `factory`, else the first OTA slot."""
    apps = [part for part in table if part.type == APP]
    return min(apps, key=lambda part: part.subtype, default=None)


def ota_partition(table: tuple[Partition, ...]) -> Partition | None:
    """Where the bootloader reads which OTA slot to start: data of subtype ota."""
    return next((part for part in table if (part.type, part.subtype) == _OTA), None)


def asset_partition(table: tuple[Partition, ...]) -> Partition | None:
    """The first file system of the table: subtype littlefs or spiffs (Arduino cores use either)."""
    found = (part for part in table if part.type == DATA and part.subtype in _FILE_SYSTEMS)
    return next(found, None)


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
    bootloader_offset: int

    def partition(self, free: int) -> Partition:
        """Read the line; `free` is the end of the partition before it."""
        fields = [field.strip() for field in self.line.split(",")]
        if any(fields[6:]):
            raise self.error("a line is: name, type, subtype, offset, size, flags")
        name, type_text, subtype_text, offset_text, size_text, flags = [*fields, *[""] * 5][:6]
        kind = self._named(type_text, _TYPES, "type")
        subtype = self._subtype(kind, subtype_text)
        offset = self._offset(kind, subtype, offset_text, free)
        size = self._size(kind, size_text)
        if size < 0:
            size = -size - offset
        return Partition(name, kind, subtype, offset, size, self._flags(flags))

    def check(self, part: Partition, free: int, flash_size: int | None) -> None:
        """Hold a partition against the rules; `free` is the end of the one before it."""
        if not part.name:
            raise self.error("a partition needs a name")
        if part.size <= 0:
            raise self.error("its size must be more than nothing")
        alignment = _alignment(part.type)
        if part.offset % alignment:
            raise self.error(f"offset {part.offset:#x} is not a multiple of {alignment:#x}")
        if part.offset < free and not part.is_fixed:
            raise self.error(f"offset {part.offset:#x} is below the first free {free:#x}")
        if part.type == APP and part.size % SECTOR:
            raise self.error(f"size {part.size:#x} is not a multiple of {SECTOR:#x}")
        if flash_size is not None and part.end > flash_size:
            raise self.error(f"it ends at {part.end:#x}, the flash at {flash_size:#x}")
        if part.type == DATA:
            self._check_data(part)

    def _check_data(self, part: Partition) -> None:
        if part.subtype in _OTA_DATA and part.size != _OTA_DATA_SIZE:
            raise self.error(f"a partition of OTA data has {_OTA_DATA_SIZE:#x} bytes")
        if part.subtype in _ALWAYS_WRITTEN and part.flags & _FLAGS["readonly"]:
            raise self.error("it is written at run time and cannot be readonly")

    def check_beside(self, part: Partition, before: list[Partition]) -> None:
        """Hold a partition against those before it."""
        for other in before:
            if other.name == part.name:
                raise self.error(f"there are two partitions {part.name!r}")
            if part.offset < other.end and other.offset < part.end:
                raise self.error(f"it overlaps {other.name!r} ({other.offset:#x}..{other.end:#x})")
            same_kind = (part.type, part.subtype) == (other.type, other.subtype)
            if same_kind and part.type == DATA and part.subtype in _OTA_DATA:
                raise self.error(f"{other.name!r} has the OTA data already")
        if len(before) >= _MOST_ENTRIES:
            raise self.error(f"a table holds at most {_MOST_ENTRIES} partitions")

    def error(self, message: str) -> InvalidPartitions:
        """What is wrong with this line."""
        return InvalidPartitions(message, path=self.path, line=self.number)

    def _subtype(self, kind: int, text: str) -> int:
        if not text and kind == APP:
            raise self.error("an app needs a subtype, such as factory or ota_0")
        return self._named(text, _SUBTYPES.get(kind, {}), "subtype") if text else _UNDEFINED

    def _offset(self, kind: int, subtype: int, text: str, free: int) -> int:
        if kind == TABLE and subtype == _PRIMARY:
            return TABLE_OFFSET
        if kind == BOOTLOADER and subtype == _PRIMARY:
            return self.bootloader_offset
        offset = self._number(text, "offset") if text else _align(free, _alignment(kind))
        if not 0 <= offset < 1 << 32:
            raise self.error(f"offset {text} is out of range")
        return offset

    def _size(self, kind: int, text: str) -> int:
        """Bytes; negative: up to that place in flash."""
        if kind == TABLE:
            return SECTOR
        if kind == BOOTLOADER:
            return TABLE_OFFSET - self.bootloader_offset
        if not text:
            raise self.error("a partition needs a size")
        size = self._number(text, "size")
        if not -(1 << 32) < size < 1 << 32:
            raise self.error(f"size {text} is out of range")
        return size

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

    def _number(self, text: str, what: str) -> int:
        """A number of bytes: decimal, 0x..., with K or M behind it."""
        units = {"k": 1 << 10, "m": 1 << 20}
        unit = units.get(text[-1:].lower(), 1)
        try:
            return int(text if unit == 1 else text[:-1], 0) * unit
        except ValueError:
            raise self.error(f"{what} {text!r} is not a size such as 0x6000, 24K or 1M") from None

    def _flags(self, text: str) -> int:
        flags = 0
        for name in filter(None, (name.strip() for name in text.split(":"))):
            if name not in _FLAGS:
                raise self.error(f"flag {name!r} is none of: {', '.join(_FLAGS)}")
            flags |= _FLAGS[name]
        return flags


def _alignment(kind: int) -> int:
    return _APP_ALIGNMENT if kind == APP else SECTOR


def _align(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment
