"""Which files of a folder are sources, and which of them a filter takes.

Rules: folders and files whose name starts with a dot are no sources; a link to a folder is
followed, once; the order is that of the names, so that a build is the same on every machine.
A filter (PlatformIO's src_filter) is a list of `+<PATTERN>` and `-<PATTERN>`; a pattern that names
a folder means all below it, and the last rule that matches a file decides.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from fbuild_watch.errors import InvalidProject
from fbuild_watch.project.memory import ENTRIES, LOOKS, is_dir

RECIPES = {".c": "recipe.c.o", ".cc": "recipe.cpp.o", ".cpp": "recipe.cpp.o",
           ".cxx": "recipe.cpp.o", ".S": "recipe.S.o"}  # fmt: skip
"""The recipe that compiles a file, by its suffix."""
HEADERS = (".h", ".hpp", ".hh", ".hxx", ".tpp", ".ipp", ".inc")
"""The suffixes of files that only are included."""

_RULE = re.compile(r"\s*([+-])<([^>]*)>")


def discover(folder: Path, ignored: Collection[Path] = ()) -> list[Path]:
    """All sources under a folder (none where it does not exist), but for the ignored folders.

    Raises InvalidProject for a folder that cannot be read.
    """
    return list(_walk(folder, set(ignored), set()))


def filtered(folder: Path, rules: Sequence[str], ignored: Collection[Path] = ()) -> list[Path]:
    """The sources under a folder that a filter takes. Raises InvalidProject."""
    taken = _filter(" ".join(rules))
    found = discover(folder, ignored)
    if taken is None:
        return found
    length = len(str(folder)) + 1
    return [path for path in found if taken(str(path)[length:].replace(os.sep, "/"))]


def directly_in(folder: Path, suffixes: Collection[str] = tuple(RECIPES)) -> list[Path]:
    """The sources in a folder itself; none where it does not exist."""
    if not is_dir(folder):
        return []
    files = (path for path, is_folder in _entries(folder) if not is_folder)
    return [path for path in files if path.suffix in suffixes and not path.name.startswith(".")]


class _Filter:
    """Rules as regular expressions over names relative to the folder, with `/`."""

    def __init__(self, rules: Sequence[tuple[str, str]]) -> None:
        self._rules = [(sign == "+", re.compile(_glob(pattern))) for sign, pattern in rules]

    def __call__(self, name: str) -> bool:
        taken = False
        for plus, pattern in self._rules:
            if pattern.match(name):
                taken = plus
        return taken


@lru_cache
def _filter(text: str) -> _Filter | None:
    """A filter; None where it takes everything."""
    rules = _RULE.findall(text)
    hidden = all(sign == "-" and pattern.startswith(".") for sign, pattern in rules[1:])
    if not rules or (rules[0] == ("+", "*") and hidden):
        return None
    return _Filter(rules)


def _glob(pattern: str) -> str:
    """A shell pattern as a regular expression: `*` stays within a name, `**` does not.

    A folder's name, with or without a slash at its end, stands for everything below it; so does
    a `*` alone, as in PlatformIO.
    """
    cleaned = pattern.strip().removeprefix("./").rstrip("/")
    if cleaned in ("", ".", "*", "**"):
        return r".*\Z"
    pieces = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", cleaned)
    meanings = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    body = "".join(
        meanings.get(piece, piece if piece.startswith("[") and len(piece) > 2 else re.escape(piece))
        for piece in pieces
    )
    return rf"{body}(?:/.*)?\Z"


def _walk(folder: Path, ignored: set[Path], seen: set[tuple[int, int]]) -> Iterator[Path]:
    identity = _identity(folder)
    if folder in ignored or identity is None or identity in seen:
        return
    seen.add(identity)
    for path, is_folder in _entries(folder):
        if path.name.startswith("."):
            continue
        if is_folder:
            yield from _walk(path, ignored, seen)
        elif path.suffix in RECIPES:
            yield path


def _identity(folder: Path) -> tuple[int, int] | None:
    """What tells a folder from every other, by whatever link it was reached; None: no folder."""
    info = LOOKS.at(str(folder))
    is_folder = info is not None and stat.S_ISDIR(info.st_mode)
    return (info.st_dev, info.st_ino) if info is not None and is_folder else None


def _entries(folder: Path) -> tuple[tuple[Path, bool], ...]:
    try:
        return ENTRIES.of(str(folder))
    except OSError as error:
        raise InvalidProject(error.strerror or str(error), path=str(folder)) from error
