"""A sketch: its tabs (.ino, .pde) joined into one C++ source.

Not here: which prototypes it lacks (prototypes.py).

Rules (Arduino's build process)
- The main tab comes first: the one that is named like its folder, else the first that defines both
  setup() and loop(), else the first by name. The others follow by name.
- `#line` keeps every message of the compiler at the tab's own line.
- `#include <Arduino.h>` stands before all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fbuild_watch.errors import InvalidProject
from fbuild_watch.model import GeneratedFile
from fbuild_watch.project import prototypes, sources
from fbuild_watch.project.memory import read_bytes

SUFFIXES = (".ino", ".pde")
_MAIN = (re.compile(r"\bvoid\s+setup\s*\("), re.compile(r"\bvoid\s+loop\s*\("))


@dataclass(frozen=True, slots=True)
class Tab:
    """One file of a sketch."""

    path: Path
    text: str


def tabs(folder: Path) -> list[Tab]:
    """The tabs of the sketch in a folder, the main one first; empty where it is none.

    Raises InvalidProject for a tab that cannot be read.
    """
    found = [_read(path) for path in sources.directly_in(folder, SUFFIXES)]
    main = next((tab for tab in found if tab.path.stem == folder.name), None)
    main = main or next((tab for tab in found if all(e.search(tab.text) for e in _MAIN)), None)
    return sorted(found, key=lambda tab: tab is not main)


def joined(tabs: Sequence[Tab], folder: Path) -> GeneratedFile:
    """The C++ source of a sketch, for the folder of generated sources."""
    content = _joined(tuple((str(tab.path), tab.text) for tab in tabs))
    return GeneratedFile(folder / f"{tabs[0].path.name}.cpp", content)


def _read(path: Path) -> Tab:
    try:
        text = read_bytes(path).decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise InvalidProject(error.strerror or str(error), path=str(path)) from error
    return Tab(path, text.replace("\r\n", "\n").replace("\r", "\n"))


@lru_cache(maxsize=8)
def _joined(tabs: tuple[tuple[str, str], ...]) -> bytes:
    """Kept by content: an edit of another file asks for the same sketch again."""
    body, lines = b"", []
    for path, text in tabs:
        piece = _encode(text if text.endswith("\n") else f"{text}\n")
        lines += [(path, number) for number in range(piece.count(b"\n"))]
        body += piece
    return _Writer(body, lines).write(prototypes.missing(body))


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class _Writer:
    """Puts insertions into the joined tabs, and `#line` wherever lines stop to follow each other."""

    def __init__(self, body: bytes, lines: Sequence[tuple[str, int]]) -> None:
        self._body = body
        self._lines = lines
        """Of each line of the body: its tab, and its number there from 0."""
        self._out: list[bytes] = [b"#include <Arduino.h>\n"]

    def write(self, insertions: Sequence[prototypes.Insertion]) -> bytes:
        by_place: dict[int, list[prototypes.Insertion]] = {}
        for insertion in insertions:
            by_place.setdefault(insertion.at, []).append(insertion)
        at, expected = 0, None
        for row, line in enumerate(self._body.splitlines(keepends=True)):
            for insertion in by_place.get(at, ()):
                self._mark(self._lines[insertion.line])
                self._out.append(_encode(f"{insertion.text}\n"))
                expected = None
            if expected != self._lines[row]:
                self._mark(self._lines[row])
            self._out.append(line)
            path, number = self._lines[row]
            expected = (path, number + 1)
            at += len(line)
        return b"".join(self._out)

    def _mark(self, place: tuple[str, int]) -> None:
        path, number = place
        name = path.replace("\\", "\\\\").replace('"', '\\"')
        self._out.append(_encode(f'#line {number + 1} "{name}"\n'))
