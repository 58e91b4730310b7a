"""The build folder's memory on disk: a log that every build appends what it learnt to.

    magic, then frames: length, CRC-32, one msgpack Batch

Why a log: what an edit costs here must not grow with the tree.

Rules
- Paths and contents are numbered as the log names them; records refer to the numbers.
- It can always be thrown away. A log of another version is an empty one; a frame that is damaged
  or cut short (a crash while it was written) ends the log there. Either costs compiles, no truth.
- A log that is mostly history is written anew.
- Only the holder of the build folder's lock reads and writes it.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Collection, Iterable
from pathlib import Path
from zlib import crc32

import msgspec

from fbuild_watch.build.graph import Digest, Record, Version
from fbuild_watch.build.memory import Memory, Stamp
from fbuild_watch.system.files import write_atomically

_MAGIC = b"fbuild records 4\n"
_FRAME = struct.Struct("<II")
_SPARE = 4 << 20
"""Bytes of history that are not worth a new log."""


class _Batch(msgspec.Struct, array_like=True):
    """What was learnt at once. New paths and versions come first; the rest refers to numbers."""

    paths: list[bytes]
    versions: list[tuple[int, Digest]]
    stamps: list[tuple[int, int, int, int, int, Digest]]
    """Path, then the fields of a Stamp."""
    records: list[tuple[int, Digest, int, bytes, bytes]]
    """Output, identity of the command, the output's version, the inputs' versions, unused paths."""
    dropped: list[int]


class Store:
    """The log at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._paths: dict[str, int] = {}
        self._versions = 0
        self._seen: tuple[int, int] | None = None
        """Inode and size of the file when it was last read or written; None: write it anew."""
        self._fresh_size = 0

    def load(self) -> Memory:
        """What the log says; what cannot be read is empty."""
        memory = Memory()
        self._seen, reader = None, _Reader(memory)
        try:
            data = self._path.read_bytes()
        except OSError:
            data = b""
        whole = reader.read(data)
        self._paths = {name: number for number, name in enumerate(reader.paths)}
        self._versions = len(reader.versions)
        if whole and reader.wasted < reader.useful() + _SPARE:
            self._seen, self._fresh_size = self._identity(), len(data)
        return memory

    def is_current(self) -> bool:
        """Whether nobody else has written since this object read or wrote."""
        return self._seen is not None and self._seen == self._identity()

    def save(self, memory: Memory) -> None:
        """Write what the log does not have yet. Raises OSError; then the next one writes it anew."""
        seen, self._seen = self._seen if self.is_current() else None, None
        if seen is not None and self._has_room(seen[1]):
            batch = self._pack(memory, memory.unsaved.records, memory.unsaved.stamps)
            with self._path.open("ab") as file:
                file.write(_framed(batch))
        else:
            self._paths, self._versions = {}, 0
            for version in memory.versions():
                version.number = -1
            batch = self._pack(memory, memory.records.keys(), memory.stamps.keys())
            write_atomically(self._path, _MAGIC + _framed(batch))
            self._fresh_size = self._path.stat().st_size
        self._seen = self._identity()
        memory.unsaved.clear()

    def _has_room(self, size: int) -> bool:
        return size < 2 * self._fresh_size + _SPARE

    def _identity(self) -> tuple[int, int] | None:
        try:
            info = self._path.stat()
        except OSError:
            return None
        return info.st_ino, info.st_size

    def _pack(self, memory: Memory, outputs: Collection[str], stamps: Iterable[str]) -> bytes:
        batch = _Batch([], [], [], [], [])
        for output in outputs:
            record = memory.records.get(output)
            if record is not None:
                batch.records.append(self._pack_record(output, record, batch))
            elif output in self._paths:
                batch.dropped.append(self._paths[output])
        batch.stamps = [
            (self._paths[name], *memory.stamps[name])
            for name in stamps
            if name in self._paths and name in memory.stamps
        ]  # a stamp that no record needs is left behind
        return msgspec.msgpack.encode(batch)

    def _pack_record(
        self, output: str, record: Record, batch: _Batch
    ) -> tuple[int, Digest, int, bytes, bytes]:
        versions = (record.output, *record.inputs)
        numbers = [version.number for version in versions]
        if min(numbers) < 0:
            for version in versions:
                self._number_version(version, batch)
            numbers = [version.number for version in versions]
        inputs = _packed(numbers[1:])
        unused = _packed([self._number(path, batch) for path in record.unused])
        number = self._number(output, batch)
        return number, record.identity, record.output.number, inputs, unused

    def _number_version(self, version: Version, batch: _Batch) -> None:
        if version.number < 0:
            batch.versions.append((self._number(version.path, batch), version.digest))
            version.number = self._versions
            self._versions += 1

    def _number(self, path: str, batch: _Batch) -> int:
        number = self._paths.get(path)
        if number is None:
            number = self._paths[path] = len(self._paths)
            batch.paths.append(path.encode("utf-8", "surrogateescape"))
        return number


class _Reader:
    """Replays a log into a Memory."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.paths: list[str] = []
        self.versions: list[Version] = []
        self.wasted = 0
        """Bytes of records that later ones replace."""
        self._sizes: dict[str, int] = {}

    def useful(self) -> int:
        """Bytes of records that count."""
        return sum(self._sizes.values())

    def read(self, data: bytes) -> bool:
        """Take every whole frame; whether that was all there is."""
        if not data.startswith(_MAGIC):
            return False
        at = len(_MAGIC)
        while at + _FRAME.size <= len(data):
            length, check = _FRAME.unpack_from(data, at)
            body = memoryview(data)[at + _FRAME.size :][:length]
            if len(body) < length or crc32(body) != check or not self._take(body):
                return False
            at += _FRAME.size + length
        return at == len(data)

    def _take(self, body: memoryview) -> bool:
        try:
            batch = msgspec.msgpack.decode(body, type=_Batch)
            self.paths += [path.decode("utf-8", "surrogateescape") for path in batch.paths]
            version = self._memory.version
            for number, digest in batch.versions:
                found = version(self.paths[number], digest)
                found.number = len(self.versions)
                self.versions.append(found)
            for record in batch.records:
                self._take_record(*record)
            for number in batch.dropped:
                self.wasted += self._sizes.pop(self.paths[number], 0)
                self._memory.records.pop(self.paths[number], None)
            for number, *rest in batch.stamps:
                self._memory.stamps[self.paths[number]] = Stamp(*rest)  # type: ignore[arg-type]
        except (msgspec.DecodeError, IndexError, ValueError):
            return False
        return True

    def _take_record(
        self, output: int, identity: Digest, made: int, inputs: bytes, unused: bytes
    ) -> None:
        name = self.paths[output]
        self._memory.records[name] = Record(
            identity,
            tuple(map(self.versions.__getitem__, _numbers(inputs))),
            self.versions[made],
            tuple(map(self.paths.__getitem__, _numbers(unused))),
        )
        self.wasted += self._sizes.get(name, 0)
        self._sizes[name] = len(inputs)


def _packed(numbers: list[int]) -> bytes:
    """32-bit numbers, little-endian."""
    packed = array("I", numbers)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def _numbers(packed: bytes) -> array[int]:
    numbers = array("I", packed)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _framed(body: bytes) -> bytes:
    return _FRAME.pack(len(body), crc32(body)) + body
