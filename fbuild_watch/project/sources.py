"""Which files of a folder are sources.

Rules: folders and files whose name starts with a dot are no sources; a link to a folder is
followed, once; the order is that of the names, so that a build is the same on every machine.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from fbuild_watch.errors import InvalidProject

RECIPES = {".c": "recipe.c.o", ".cc": "recipe.cpp.o", ".cpp": "recipe.cpp.o",
           ".cxx": "recipe.cpp.o", ".S": "recipe.S.o"}  # fmt: skip
"""The recipe that compiles a file, by its suffix."""


def discover(folder: Path, ignored: Collection[Path] = ()) -> list[Path]:
    """All sources under a folder (none where it does not exist), but for the ignored folders.

    Raises InvalidProject for a folder that cannot be read.
    """
    return list(_walk(folder, set(ignored), set()))


def _walk(folder: Path, ignored: set[Path], seen: set[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if folder in ignored or real in seen or not folder.is_dir():
        return
    seen.add(real)
    for entry in _entries(folder):
        if entry.name.startswith("."):
            continue
        path = folder / entry.name
        if entry.is_dir():
            yield from _walk(path, ignored, seen)
        elif path.suffix in RECIPES:
            yield path


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise InvalidProject(error.strerror or str(error), path=str(folder)) from error
