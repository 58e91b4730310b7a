"""Names that libraries depend on and no library index has: a core's own, such as SPI.

Remembered, or every build would ask a server for them again.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

_BELIEVED_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Absent:
    """An empty file for each name."""

    folder: Path

    def has(self, name: str) -> bool:
        """Whether no index had it the last time, which is not long ago."""
        try:
            return time.time() - self._path(name).stat().st_mtime < _BELIEVED_S
        except FileNotFoundError:
            return False

    def ever(self, name: str) -> bool:
        """Whether no index had it some day: good enough when none can be asked."""
        return self._path(name).exists()

    def note(self, name: str) -> None:
        """No index has it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._path(name).touch()

    def _path(self, name: str) -> Path:
        return self.folder / hashlib.sha256(name.lower().encode()).hexdigest()[:16]
