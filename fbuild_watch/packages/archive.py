"""Unpacking an archive into a new folder, whole or not at all: zip, tar, tar.gz, .bz2, .xz, .zst.

The kind is read from the first bytes, not from a name. The rules are those of members.py; here is
what they need of the system:

- Files are made with O_EXCL, and links last of all, so that nothing is ever written through one.
  When all links are there, each is followed once more to see that it stays inside.
- Sizes are counted as bytes come out, never believed. What tar's own headers may take is bounded.
- Files are 0644 or 0755, folders 0755: no setuid, no foreign owners.
- One folder that everything is in is taken away, as Arduino does.

Synchronous: runs in a thread. `check` is called often; what it raises ends the work.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from blake3 import blake3

from fbuild_watch.errors import InvalidArchive, UnsafeArchive
from fbuild_watch.packages import formats
from fbuild_watch.packages.formats import WINDOWS, Member
from fbuild_watch.packages.members import Limits, Meter, Places, Refused, link_place, place

_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A regular file that was written: its path in the package, size, BLAKE3 as hex digits."""

    path: str
    size: int
    blake3: str


def unpack(
    archive: Path,
    into: Path,
    *,
    label: str,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
    check: Callable[[], None] = lambda: None,
) -> tuple[Path, list[Unpacked]]:
    """Unpack into the empty folder `into`; returns the package's root in it, and its files.

    Raises UnsafeArchive and InvalidArchive (both with `label`), and OSError. What was written by
    then stays in `into`: the caller, who made the folder, removes it.
    """
    size = archive.stat().st_size
    try:
        work = _Unpacking(into, Meter(limits, size), check)
        for member in formats.members(archive, into, Meter(limits, size)):
            work.add(member)
        return work.finish()
    except Refused as refused:
        raise UnsafeArchive(label, refused.member, refused.reason) from refused
    except formats.BROKEN as error:
        raise InvalidArchive(label, str(error) or type(error).__name__) from error


def folds_case(folder: Path) -> bool:
    """Whether names that differ in capital letters only are one file there."""
    probe = folder / "case.probe"
    probe.touch()
    try:
        return probe.with_name("CASE.PROBE").exists()
    finally:
        probe.unlink()


class _Unpacking:
    """The state of one archive's unpacking."""

    def __init__(self, into: Path, meter: Meter, check: Callable[[], None]) -> None:
        self._into = into
        self._meter = meter
        self._check = check
        self._places = Places(folds_case=folds_case(into))
        self._files: dict[str, Unpacked] = {}
        self._links: list[tuple[str, Member]] = []

    def add(self, member: Member) -> None:
        self._check()
        self._meter.add_member(member.name)
        path = place(member.name, windows=WINDOWS)
        if not path:
            if member.kind == "folder":
                return
            raise Refused(member.name, "has no name")
        match member.kind:
            case "folder":
                self._places.take(path, "folder")
                (self._into / path).mkdir(mode=0o755, parents=True, exist_ok=True)
            case "file":
                self._places.take(path, "file")
                self._files[path] = self._write(path, member)
            case "symlink":
                self._places.take(path, "link")
                self._links.append((path, member))
            case "hardlink":
                self._places.take(path, "file")
                self._files[path] = self._write_again(path, member)
            case _:
                raise Refused(member.name, "is neither file, folder nor link")

    def finish(self) -> tuple[Path, list[Unpacked]]:
        """Make the links, take the single top folder away."""
        top = self._places.single_top()
        root = self._into / top
        for path, member in self._links:
            link_place(member.name, path.removeprefix(f"{top}/"), member.target)
            at = self._into / path
            at.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            at.symlink_to(member.target)
        real = os.path.realpath(root)
        for path, member in self._links:
            led = os.path.realpath(self._into / path)
            if led != real and not led.startswith(real + os.sep):
                raise Refused(member.name, "leads out of the package through another link")
        start = len(top) + 1 if top else 0
        files = [Unpacked(file.path[start:], file.size, file.blake3)
                 for file in self._files.values()]  # fmt: skip
        return root, files

    def _write(self, path: str, member: Member) -> Unpacked:
        hasher = blake3()
        size = 0
        with member.open() as data, self._create(path, executable=member.executable) as file:
            while chunk := data.read(_CHUNK):
                self._meter.add_bytes(member.name, len(chunk))
                self._check()
                hasher.update(chunk)
                file.write(chunk)
                size += len(chunk)
        return Unpacked(path, size, hasher.hexdigest())

    def _write_again(self, path: str, member: Member) -> Unpacked:
        """A hard link becomes a copy of the file that it names, which must have come before it."""
        first = self._files.get(place(member.target, windows=WINDOWS))
        if first is None:
            reason = f"is a hard link to {member.target!r}, which is no file of the package"
            raise Refused(member.name, reason)
        source = self._into / first.path
        again = Member(
            member.name,
            "file",
            executable=bool(source.stat().st_mode & stat.S_IXUSR),
            open=lambda: source.open("rb"),
        )
        return self._write(path, again)

    def _create(self, path: str, *, executable: bool) -> IO[bytes]:
        at = self._into / path
        at.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        return os.fdopen(os.open(at, flags, 0o755 if executable else 0o644), "wb")
