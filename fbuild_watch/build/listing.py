"""Which names are where: folders, each listed once for each look everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from fbuild_watch.build.graph import Digest, digest
from fbuild_watch.system import stamps
from fbuild_watch.system.files import is_folder
from fbuild_watch.system.stamps import Stamp


class Names:
    """Names as an `#include` says them, with and without folders in them."""

    def __init__(self, names: Iterable[str]) -> None:
        plain, nested = set(), dict[str, list[str]]()
        for name in names:
            first, folder, _ = name.partition(os.sep)
            if folder:
                nested.setdefault(first, []).append(name)
            else:
                plain.add(name)
        self.plain = frozenset(plain)
        self.nested = nested
        """By the folder that they begin with."""


class _Folder(NamedTuple):
    stamp: Stamp | None
    is_settled: bool
    files: frozenset[str]
    folders: frozenset[str]


class Listing:
    """The folders of a look."""

    def __init__(self) -> None:
        self._folders: dict[str, _Folder] = {}
        self._below: dict[str, Digest] = {}

    def forget(self) -> None:
        """Folders may have changed."""
        self._folders.clear()
        self._below.clear()

    def looks(self) -> dict[str, Stamp | None] | None:
        """How each folder was found; None: it may have changed since without a trace."""
        if not all(folder.is_settled for folder in self._folders.values()):
            return None
        return {path: folder.stamp for path, folder in self._folders.items()}

    def found(self, names: Names, folders: Iterable[str]) -> set[str]:
        """Those of the names that are files, from one of the folders on."""
        found: set[str] = set()
        for folder in folders:
            here = self._list(folder)
            found.update(_join(folder, name) for name in names.plain & here.files)
            for first in names.nested.keys() & {*here.folders, os.curdir, os.pardir}:
                nested = (_join(folder, name) for name in names.nested[first])
                found.update(path for path in nested if self._has(path))
        return found

    def below(self, folder: str) -> Digest:
        """The digest of all names below a folder, hidden ones not counted."""
        known = self._below.get(folder)
        if known is None:
            names = "\0".join(sorted(self._walk(folder, "")))
            known = self._below[folder] = digest(names.encode(errors="surrogateescape"))
        return known

    def _has(self, path: str) -> bool:
        folder, name = os.path.split(path)
        return name in self._list(folder).files

    def _walk(self, folder: str, prefix: str) -> Iterable[str]:
        here = self._list(folder)
        yield from (prefix + name for name in here.files if not name.startswith("."))
        for name in here.folders:
            inner = _join(folder, name)
            if not name.startswith(".") and not os.path.islink(inner):  # noqa: PTH114
                yield from self._walk(inner, f"{prefix}{name}{os.sep}")

    def _list(self, folder: str) -> _Folder:
        listed = self._folders.get(folder)
        if listed is None:
            listed = self._folders[folder] = _listed(folder)
        return listed


def _join(folder: str, name: str) -> str:
    return os.path.join(folder, name)  # noqa: PTH118  (thousands of them)


def _listed(folder: str) -> _Folder:
    """A link that leads nowhere is no file; when it does, its folder does not tell."""
    files: set[str] = set()
    folders: set[str] = set()
    stamp = stamps.now(folder)
    is_settled = stamps.is_settled(stamp)
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_folder(entry):
                    folders.add(entry.name)
                elif entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110
                    is_settled = False
                else:
                    files.add(entry.name)
    except OSError:
        pass
    return _Folder(stamp, is_settled, frozenset(files), frozenset(folders))
