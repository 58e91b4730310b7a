"""Which members of an archive may be unpacked, and where to. Pure: the rules, in one place.

Rules (an archive that breaks one is refused whole; nothing of it is kept)
- A name is relative and has no `..`. A backslash separates as a slash does: on Windows it would.
- Files, folders, links to inside of the package. No devices, pipes, sockets. (What becomes of a link
  to a program of the system, formats.py says.)
- No two members have one place. Where the file system does not know capital letters, or has one
  form of accented letters only, names that differ in nothing else are one place too. (Elsewhere
  they are let through: the headers of Linux have such names, and toolchains bring them.)
- Names are UTF-8 without control characters, parts at most 255 bytes, and on Windows not those of
  devices, without what it gives a meaning of its own (`:`, a dot at the end).
- At most so many members, so many bytes, and so many bytes for each byte of the archive.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

_WINDOWS_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_WINDOWS_MEANINGS = re.compile(r'[<>:"|?*]|[. ]$')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_PART = 255
_LONGEST_PATH = 1024


class Refused(Exception):
    """A member breaks a rule. `reason` continues a sentence that starts with the member's name."""

    def __init__(self, member: str, reason: str) -> None:
        super().__init__(f"{member!r} {reason}")
        self.member = member
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may become. Cores and toolchains of the field stay far below."""

    members: int = 400_000
    size: int = 16 << 30
    ratio: int = 200
    """Bytes out for each byte in; looked at from `ratio_from` bytes on."""
    ratio_from: int = 64 << 20


def place(name: str, *, windows: bool) -> str:
    """The relative path of a member; "" for the top itself. Raises Refused."""
    path = name.replace("\\", "/")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        raise Refused(name, "has an absolute path")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Refused(name, "leads out of the package")
    for part in parts:
        _check_part(name, part, windows=windows)
    if len("/".join(parts).encode()) > _LONGEST_PATH:
        raise Refused(name, f"is longer than {_LONGEST_PATH} bytes")
    return "/".join(parts)


def _check_part(name: str, part: str, *, windows: bool) -> None:
    try:
        length = len(part.encode())
    except UnicodeEncodeError as error:
        raise Refused(name, "is not UTF-8") from error
    if length > _LONGEST_PART:
        raise Refused(name, f"has a part of more than {_LONGEST_PART} bytes")
    if _CONTROL.search(part):
        raise Refused(name, "has a control character in its name")
    if windows and (_WINDOWS_DEVICES.fullmatch(part) or _WINDOWS_MEANINGS.search(part)):
        raise Refused(name, "is no file name on Windows")


def link_place(member: str, path: str, target: str) -> str:
    """Where a symbolic link at `path` leads, relative to the package. Raises Refused.

    Only by the text: a link through another link is looked at once it is on disk.
    """
    if not target or target.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", target):
        raise Refused(member, f"is a link to {target!r}, out of the package")
    led = posixpath.normpath(posixpath.join(posixpath.dirname(path), target.replace("\\", "/")))
    if led == ".." or led.startswith("../"):
        raise Refused(member, f"is a link to {target!r}, out of the package")
    for part in led.split("/"):
        _check_part(f"{member} -> {target}", part, windows=False)
    return led


class Places:
    """The places that members have taken so far."""

    def __init__(self, *, folds_case: bool) -> None:
        self._folds_case = folds_case
        self._taken: dict[str, tuple[str, bool]] = {}

    def take(self, path: str, kind: Literal["file", "folder", "link"]) -> None:
        """Give a member its place, and its parents theirs. Raises Refused when it is taken."""
        parts = path.split("/")
        for length in range(1, len(parts)):
            self._take("/".join(parts[:length]), folder=True)
        self._take(path, folder=kind == "folder")

    def _take(self, path: str, *, folder: bool) -> None:
        folded = unicodedata.normalize("NFC", path).casefold() if self._folds_case else path
        before = self._taken.get(folded)
        if before is None:
            self._taken[folded] = (path, folder)
        elif before[0] != path:
            raise Refused(path, f"differs from {before[0]!r} in capital letters or accents only")
        elif not (folder and before[1]):
            raise Refused(path, "is in it twice")

    def single_top(self) -> str:
        """The one folder that everything is in; "" where there is none."""
        tops = {path.partition("/")[0] for path, _folder in self._taken.values()}
        if len(tops) != 1:
            return ""
        top = tops.pop()
        return top if (top, True) in self._taken.values() else ""


class Meter:
    """Counts what comes out of an archive. Raises Refused at the first member or byte too many."""

    def __init__(self, limits: Limits, archive_size: int) -> None:
        self._limits = limits
        self._members = 0
        self.size = 0
        """Bytes so far."""
        by_ratio = max(limits.ratio_from, limits.ratio * archive_size)
        self._most = min(limits.size, by_ratio)

    def add_member(self, name: str) -> None:
        """One more member."""
        self._members += 1
        if self._members > self._limits.members:
            raise Refused(name, f"is one more than {self._limits.members:,} members")

    def add_bytes(self, name: str, count: int) -> None:
        """More bytes of a member."""
        self.size += count
        if self.size > self._most:
            raise Refused(name, f"makes it more than {self._most:,} bytes: a bomb")
