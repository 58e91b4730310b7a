"""Places in the source as the user knows them: relative to the project where they are in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fbuild_watch.decode.lines import Place

ROM = Place("", "mask ROM")
"""A place of which no more is known."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Those of one project; without one, whole paths."""

    project_dir: Path | None
    src_dir: Path | None

    def is_own(self, place: Place) -> bool:
        """Whether it is in the project's own sources."""
        path = self._path(place)
        return path is not None and self.src_dir is not None and path.is_relative_to(self.src_dir)

    def show(self, place: Place) -> str:
        """`file:line`, as far as it is known."""
        path = self._path(place)
        if path is None:
            return place.file
        if self.project_dir is not None and path.is_relative_to(self.project_dir):
            path = path.relative_to(self.project_dir)
        return f"{path}:{place.line}" if place.line else str(path)

    def _path(self, place: Place) -> Path | None:
        """The file; compilers may have been told to write it relative to the project."""
        if not place.file or place.file == ROM.file:
            return None
        folder = Path(place.folder)
        if self.project_dir is not None and _is_file(self.project_dir / place.file):
            folder = self.project_dir
        return Path(os.path.normpath(folder / place.file))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have, or a folder that may not be read
        return False
