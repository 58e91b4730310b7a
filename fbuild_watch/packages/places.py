"""Where the user's packages, and what is only kept for later, lie.

FBUILD_PACKAGES_DIR, if it is set, holds both; else the user's data and cache folders, as the
system has them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StorePlaces:
    """The folders of one store."""

    root: Path
    cache: Path

    @property
    def locks(self) -> Path:
        """Two lock files for each package; they stay."""
        return self.root / ".store" / "locks"

    @property
    def aside(self) -> Path:
        """Where packages are unpacked before they appear: the same file system."""
        return self.root / ".store" / "aside"

    @property
    def downloads(self) -> Path:
        """Downloads that are under way, or were broken off."""
        return self.cache / "downloads"

    @property
    def indexes(self) -> Path:
        """Index files, with what their servers said of them."""
        return self.cache / "indexes"

    @property
    def absent(self) -> Path:
        """Which libraries no index has."""
        return self.cache / "absent"


def user_places() -> StorePlaces:
    """This user's."""
    if own := os.environ.get("FBUILD_PACKAGES_DIR"):
        root = Path(own).absolute()
        return StorePlaces(root, root / ".store" / "cache")
    import platformdirs

    return StorePlaces(
        Path(platformdirs.user_data_dir("fbuild", appauthor=False)),
        Path(platformdirs.user_cache_dir("fbuild", appauthor=False)),
    )
