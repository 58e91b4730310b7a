"""Which files of a folder are sources, and which of them a filter takes.

Rules: folders and files whose name starts with a dot are no sources; a link to a folder is
followed, once; the order is that of the names, so that a build is the same on every machine.
A filter (PlatformIO's src_filter) is a list of `+<PATTERN>` and `-<PATTERN>`; a pattern that names
a folder means all below it, and the last rule that matches a file decides. One that leads out of the
folder (`+<../common/>`) adds what lies there.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from fbuild_watch.errors import InvalidProject
from fbuild_watch.project.memory import ENTRIES, LOOKS, is_dir

ARDUINO = (".c", ".cc", ".cpp", ".cxx", ".S")
"""The suffixes of Arduino's sources."""
ASSEMBLY = (".S", ".s", ".sx", ".spp", ".SPP", ".asm", ".ASM")
RECIPES = {
    ".c": "recipe.c.o",
    **dict.fromkeys((".cc", ".cpp", ".cxx", ".c++"), "recipe.cpp.o"),
    **dict.fromkeys(ASSEMBLY, "recipe.S.o"),
}
"""The recipe that compiles a file, by its suffix: Arduino's, and what PlatformIO has beyond them."""
HEADERS = (".h", ".hpp", ".hh", ".hxx", ".tpp", ".ipp", ".inc")
"""The suffixes of files that only are included."""

_RULE = re.compile(r"\s*([+-])<([^>]*)>")


def discover(
    folder: Path, ignored: Collection[Path] = (), suffixes: Collection[str] = ARDUINO
) -> list[Path]:
    """All sources under a folder (none where it does not exist), but for the ignored folders.

    Raises InvalidProject for a folder that cannot be read.
    """
    return list(_walk(folder, set(ignored), suffixes, set()))


def filtered(
    folder: Path,
    rules: Sequence[str],
    ignored: Collection[Path] = (),
    suffixes: Collection[str] = tuple(RECIPES),
) -> list[Path]:
    """The sources that a filter of a folder takes. Raises InvalidProject."""
    read = _rules(folder, rules)
    taken = _filter(read)
    seen: set[tuple[int, int]] = set()
    found = [path for place in (folder, *_outside(folder, read))
             for path in _walk(place, set(ignored), suffixes, seen)]  # fmt: skip
    return found if taken is None else [path for path in found if taken(_name(path, folder))]


def outside(folder: Path, rules: Sequence[str]) -> list[Path]:
    """The folders beyond this one in which a filter takes sources."""
    return _outside(folder, _rules(folder, rules))


def directly_in(folder: Path, suffixes: Collection[str] = ARDUINO) -> list[Path]:
    """The sources in a folder itself; none where it does not exist."""
    if not is_dir(folder):
        return []
    files = (path for path, is_folder in _entries(folder) if not is_folder)
    return [path for path in files if path.suffix in suffixes and not path.name.startswith(".")]


_Rules = tuple[tuple[str, str], ...]
"""Sign and pattern, the pattern counted from the folder."""


def _rules(folder: Path, rules: Sequence[str]) -> _Rules:
    return tuple(
        (sign, _plain(folder, pattern)) for sign, pattern in _RULE.findall(" ".join(rules))
    )


def _plain(folder: Path, pattern: str) -> str:
    """A pattern without `.` and `..` in its middle, and without the folder's own name."""
    pattern = pattern.strip().replace("\\", "/")
    plain = posixpath.normpath(pattern)
    if plain.startswith(("/", "..")):
        plain = os.path.relpath(folder / plain, folder).replace(os.sep, "/")
    return f"{plain}/" if pattern.endswith("/") and plain != "." else plain


def _outside(folder: Path, rules: _Rules) -> list[Path]:
    fixed = (re.split(r"/?[^/]*[*?\[]", pattern, maxsplit=1)[0]
             for sign, pattern in rules if sign == "+" and pattern.startswith(".."))  # fmt: skip
    places = [Path(os.path.normpath(folder / name)) for name in fixed]
    return list(dict.fromkeys(place if is_dir(place) else place.parent for place in places))


def _name(path: Path, folder: Path) -> str:
    """A source's name as patterns have it."""
    own = f"{folder}{os.sep}"
    name = str(path)
    inside = name.startswith(own)
    return (name[len(own) :] if inside else os.path.relpath(name, folder)).replace(os.sep, "/")


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
def _filter(rules: _Rules) -> _Filter | None:
    """A filter; None where it takes everything."""
    hidden = all(sign == "-" and re.match(r"\.[^./]", pattern) for sign, pattern in rules[1:])
    if not rules or (rules[0] == ("+", "*") and hidden):
        return None
    return _Filter(rules)


def _glob(pattern: str) -> str:
    """A shell pattern as a regular expression: `*` stays within a name, `**` does not.

    A folder's name stands for everything below it, and so does a `*` alone, as in PlatformIO; with a
    slash at its end it means folders only.
    """
    names = pattern.rstrip("/").split("/")
    if pattern in (".", "*", "**") or set(names) == {".."}:  # all below it, the folder itself too
        return rf"(?!(?:\.\./){{{names.count('..') + 1}}})"
    pieces = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern)
    meanings = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    body = "".join(meanings.get(piece) or _characters(piece) for piece in pieces)
    return body if pattern.endswith("/") else rf"{body}(?:/.*)?\Z"


def _characters(piece: str) -> str:
    """`[ab]` and `[!ab]`, or text that stands for itself: also `[` alone, and `[z-a]`."""
    found = f"[^{piece[2:]}" if piece.startswith("[!") else piece
    try:
        re.compile(found)
    except re.error:
        return re.escape(piece)
    return found if piece.startswith("[") else re.escape(piece)


def _walk(
    folder: Path, ignored: set[Path], suffixes: Collection[str], seen: set[tuple[int, int]]
) -> Iterator[Path]:
    identity = _identity(folder)
    if folder in ignored or identity is None or identity in seen:
        return
    seen.add(identity)
    for path, is_folder in _entries(folder):
        if path.name.startswith("."):
            continue
        if is_folder:
            yield from _walk(path, ignored, suffixes, seen)
        elif path.suffix in suffixes:
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
