"""The formats of archives, read as one stream of members: zip, and tar plain or compressed.

Nothing is written here and nothing is judged but what only the format knows: that tar's headers
stay small (tarfile reads them into memory), that the archive is whole, and what tarfile's own
`data` filter has to say.

A link to `/usr/bin/NAME` stands for a program that the makers leave to the system (`python3` of the
cores for ESP8266 and RP2040). It is no link here: it becomes a script that runs NAME from PATH.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import stat
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast

from fbuild_watch.packages.members import Meter, Refused, place

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

WINDOWS = sys.platform == "win32"

_LONGEST_TARGET = 4096
_PROGRAM = re.compile(r"/usr/(?:local/)?bin/(?P<name>[A-Za-z0-9][\w.+-]*)")
_HEADERS = 1 << 20
"""What the headers before one member may take."""
_BLOCK = 512


class Broken(Exception):
    """This is no archive, or not the whole of one."""


BROKEN = (
    Broken, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, zstd.ZstdError,
    EOFError, NotImplementedError,
)  # fmt: skip
"""Everything that the readers raise for bytes that are wrong."""


@dataclass(slots=True)
class Member:
    """One entry. `open` gives a file's bytes; it must be read before the next entry is asked for."""

    name: str
    kind: Literal["file", "folder", "symlink", "hardlink", "other"]
    executable: bool = False
    target: str = ""
    """Where a link leads; for a hard link the name of another member."""
    open: Callable[[], IO[bytes]] = io.BytesIO


def members(archive: Path, into: Path, meter: Meter) -> Iterator[Member]:
    """All entries in the order of the file. Raises Refused, one of BROKEN, and OSError.

    `into` is where they go (for tarfile's filter); `meter` bounds what a tar may be unpacked.
    """
    with archive.open("rb") as file:
        start = file.read(_BLOCK)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        yield from _zip_members(archive)
    elif opener := _opener(start):
        with opener(archive) as raw:
            yield from _tar_members(_Bounded(raw, meter), into)
    else:
        raise Broken("it is no archive of a known kind")


def _link(name: str, target: str) -> Member:
    """A symbolic link, or what stands for one to a program of the system."""
    program = _PROGRAM.fullmatch(target)
    if program is None:
        return Member(name, "symlink", target=target)
    script = f'#!/bin/sh\nexec {program["name"]} "$@"\n'.encode()
    return Member(name, "file", executable=True, open=lambda: io.BytesIO(script))


# --- zip -----------------------------------------------------------------------------------


def _zip_members(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            yield _zip_member(file, info)


def _zip_member(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    """The name as the archive has it: zipfile ends one at a NUL."""
    if info.flag_bits & 0x1:
        raise Broken("it is encrypted")
    name = info.orig_filename
    mode = info.external_attr >> 16 if info.create_system == 3 else 0  # 3: made on Unix
    match stat.S_IFMT(mode):
        case stat.S_IFLNK:
            with file.open(info) as data:
                target = data.read(_LONGEST_TARGET).decode("utf-8", "surrogateescape")
            return _link(name, target)
        case stat.S_IFDIR:
            return Member(name, "folder")
        case 0 | stat.S_IFREG:
            if name.endswith(("/", "\\")):
                return Member(name, "folder")
            executable = bool(mode & stat.S_IXUSR)
            return Member(name, "file", executable, open=lambda: file.open(info))
    return Member(name, "other")


# --- tar -----------------------------------------------------------------------------------


def _opener(start: bytes) -> Callable[[Path], IO[bytes]] | None:
    openers: dict[bytes, Callable[[Path], Any]] = {
        b"\x1f\x8b": gzip.open,
        b"BZh": bz2.open,
        b"\xfd7zXZ\x00": lzma.open,
        b"\x28\xb5\x2f\xfd": zstd.open,
    }
    for magic, opener in openers.items():
        if start.startswith(magic):
            return opener
    return (lambda path: path.open("rb")) if start[257:262] == b"ustar" else None


def _tar_members(stream: _Bounded, into: Path) -> Iterator[Member]:
    with tarfile.open(fileobj=cast("Any", stream), mode="r|") as tar:
        while True:
            stream.allow(_HEADERS)
            info = tar.next()
            if info is None:
                break
            stream.allow(_HEADERS + info.size)
            yield _tar_member(tar, info, into)
        _check_end(tar, stream)


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo, into: Path) -> Member:
    place(info.name, windows=WINDOWS)
    if info.issym() and _PROGRAM.fullmatch(info.linkname):
        return _link(info.name, info.linkname)
    _ask_data_filter(info, into)
    if info.isdir():
        return Member(info.name, "folder")
    if info.issym():
        return _link(info.name, info.linkname)
    if info.islnk():
        return Member(info.name, "hardlink", target=info.linkname)
    if info.isreg():
        executable = bool(info.mode & stat.S_IXUSR)
        return Member(info.name, "file", executable, open=lambda: _data(tar, info))
    return Member(info.name, "other")


def _ask_data_filter(info: tarfile.TarInfo, into: Path) -> None:
    """A second opinion, where Python has it (3.11.4 and later; PEP 706)."""
    data_filter = getattr(tarfile, "data_filter", None)
    if data_filter is None:
        return
    try:
        data_filter(info, str(into))
    except tarfile.FilterError as error:
        raise Refused(
            info.name, f"is not let through by tarfile's data filter ({error})"
        ) from error


def _data(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    data = tar.extractfile(info)
    if data is None:
        raise Broken(f"{info.name} has no data")
    return data


def _check_end(tar: tarfile.TarFile, stream: _Bounded) -> None:
    """A tar ends with a block of zeros; tarfile also stops, without a word, at a broken header.

    The rest is read too, so that the compressed stream's own checksum is looked at.
    """
    if stream.seen_at(tar.offset) != bytes(_BLOCK):
        raise Broken("it is cut off, or damaged in the middle")
    stream.allow(sys.maxsize)
    while stream.read(1 << 16):
        pass


class _Bounded:
    """A compressed file that gives no more than it is allowed to, and remembers its last blocks."""

    def __init__(self, raw: IO[bytes], meter: Meter) -> None:
        self._raw = raw
        self._meter = meter
        self._left = _HEADERS  # tarfile reads the first ones when it opens
        self._at = 0
        self._last: tuple[bytes, bytes] = (b"", b"")

    def allow(self, count: int) -> None:
        """So many bytes may be read from here on."""
        self._left = count

    def read(self, count: int) -> bytes:
        """The next bytes, uncompressed; none at the end."""
        try:
            data = self._raw.read(count)
        except OSError as error:
            if error.errno is None:  # bz2 and gzip say so of bad data
                raise Broken(str(error)) from error
            raise
        self._at += len(data)
        self._left -= len(data)
        self._meter.add_bytes("(the whole)", len(data))
        if self._left < 0:
            raise Refused("(a header)", f"is larger than {_HEADERS:,} bytes")
        if data:
            self._last = (self._last[1], data)
        return data

    def seen_at(self, offset: int) -> bytes:
        """The block at an offset, which must be among the last that were read."""
        window = b"".join(self._last)
        start = offset - (self._at - len(window))
        return window[start : start + _BLOCK] if start >= 0 else b""
