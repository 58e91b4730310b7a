"""Which files of a folder are sources.

Rules: folders and files whose name starts with a dot are no sources; a link to a folder is
followed, once; the order is that of the names, so that a build is the same on every machine.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

RECIPES = {".c": "recipe.c.o", ".cc": "recipe.cpp.o", ".cpp": "recipe.cpp.o",
           ".cxx": "recipe.cpp.o", ".S": "recipe.S.o"}  # fmt: skip
"""The recipe that compiles a file, by its suffix."""


def discover(folder: Path, ignored: Collection[Path] = ()) -> list[Path]:
    """All sources under a folder (none where it does not exist), but for the ignored folders."""
    return list(_walk(folder, set(ignored), set()))


def _walk(folder: Path, ignored: set[Path], seen: set[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if folder in ignored or real in seen or not folder.is_dir():
        return
    seen.add(real)
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.name.startswith("."):
            continue
        path = folder / entry.name
        if entry.is_dir():
            yield from _walk(path, ignored, seen)
        elif path.suffix in RECIPES:
            yield path
