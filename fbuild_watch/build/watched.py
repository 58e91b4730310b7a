"""Which inputs a watcher of folders can vouch for, and which must be looked at for every build.

A watcher sees a file by one name. A file that is reached through a link has two, and an event may
name the other one; a file outside of the watched folders has no events at all.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path


def unwatched(paths: Iterable[str], roots: Collection[Path]) -> tuple[str, ...]:
    """Those of `paths` whose changes a watcher of `roots` may not report by this very name."""
    folders = _Folders(roots)
    return tuple(path for path in paths if not folders.vouch_for(path))


class _Folders:
    def __init__(self, roots: Collection[Path]) -> None:
        self._roots = [(str(root), os.path.realpath(root)) for root in roots]
        self._known: dict[str, bool] = {}

    def vouch_for(self, path: str) -> bool:
        folder = os.path.dirname(path)  # noqa: PTH120  (thousands of them)
        known = self._known.get(folder)
        if known is None:
            known = self._known[folder] = self._is_plain(folder)
        return known and not os.path.islink(path)  # noqa: PTH114

    def _is_plain(self, folder: str) -> bool:
        """Whether a folder lies below a root, with no link and no `..` on the way from there."""
        real = os.path.realpath(folder)
        return any(
            (folder == root or folder.startswith(root + os.sep))
            and real == real_root + folder[len(root) :]
            for root, real_root in self._roots
        )
