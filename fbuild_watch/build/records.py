"""The build folder's memory: records of jobs, stamps of files. One file, replaced whole.

It can always be thrown away: a store that is damaged, or of another version, is an empty one, and
costs one full build.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from fbuild_watch.build.graph import Record
from fbuild_watch.build.tree import Stamp
from fbuild_watch.files import write_atomically

_VERSION = 1


@dataclass(slots=True)
class Memory:
    """What is known from earlier builds: stamps by path, records by output."""

    stamps: dict[str, Stamp] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)


class _Stored(msgspec.Struct, array_like=True):
    """The file. Every path stands once; the rest refers to it by its number."""

    version: int
    paths: list[bytes]
    stamps: list[tuple[int, int, int, int, int, bytes]]
    records: list[tuple[int, bytes, list[tuple[int, bytes]], bytes]]


def load(path: Path) -> Memory:
    """Read a store; what cannot be read is empty."""
    try:
        stored = msgspec.msgpack.decode(path.read_bytes(), type=_Stored)
        if stored.version != _VERSION:
            return Memory()
        return _unpack(stored)
    except (OSError, msgspec.DecodeError, IndexError):
        return Memory()


def save(path: Path, memory: Memory) -> None:
    """Replace the store. Stamps of files that no record names are left behind."""
    write_atomically(path, msgspec.msgpack.encode(_pack(memory)))


def _pack(memory: Memory) -> _Stored:
    numbers: dict[str, int] = {}

    def number(name: str) -> int:
        return numbers.setdefault(name, len(numbers))

    records = [
        (number(output), record.identity,
         [(number(name), digest) for name, digest in record.inputs], record.output)
        for output, record in memory.records.items()
    ]  # fmt: skip
    stamps = [(numbers[name], *stamp) for name, stamp in memory.stamps.items() if name in numbers]
    return _Stored(_VERSION, [os.fsencode(name) for name in numbers], stamps, records)


def _unpack(stored: _Stored) -> Memory:
    paths = [os.fsdecode(path) for path in stored.paths]
    stamps = {paths[number]: Stamp(*rest) for number, *rest in stored.stamps}  # type: ignore[arg-type]
    records = {
        paths[number]: Record(
            identity, tuple((paths[name], digest) for name, digest in inputs), output
        )
        for number, identity, inputs, output in stored.records
    }
    return Memory(stamps, records)
