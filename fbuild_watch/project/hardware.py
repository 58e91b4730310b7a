"""Where Arduino platforms lie on this machine: which folder is `vendor:arch`.

Looked for in this order, the first wins:
1. `hardware/VENDOR/ARCH` of the project;
2. what was installed for the project (a pinned version is always this one);
3. `hardware/VENDOR/ARCH` of the user's sketchbook;
4. `arduino/hardware/VENDOR/ARCH` of the distribution (Debian's arduino-core-* packages).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fbuild_watch.model import Installed
from fbuild_watch.project.memory import below, is_file
from fbuild_watch.system.surroundings import environ

BOARDS = "boards.txt"


@dataclass(frozen=True, slots=True)
class Hardware:
    """The places where platforms are looked for."""

    project: Path
    installed: Mapping[str, Path]
    shared: tuple[Path, ...] = ()
    """The roots that projects share: the sketchbook's and the distribution's."""

    def platform(self, vendor: str, arch: str) -> Path | None:
        """The folder of a platform, with its boards.txt; None where there is none."""
        places = self.places(vendor, arch)
        return next((place for place in places if is_file(place / BOARDS)), None)

    def places(self, vendor: str, arch: str) -> list[Path]:
        """Every folder where a platform could be, in order."""
        own = self.installed.get(f"{vendor}:{arch}")
        installed = [own] if own else []
        below = [root / vendor / arch for root in self.shared]
        return [self.project / vendor / arch, *installed, *below]

    def all(self) -> Iterator[tuple[str, str, Path]]:
        """Every platform that is there: vendor, arch, folder. Each name once."""
        seen: set[tuple[str, str]] = set()
        for vendor, arch, folder in self._listed():
            if (vendor, arch) not in seen and is_file(folder / BOARDS):
                seen.add((vendor, arch))
                yield vendor, arch, folder

    def _listed(self) -> Iterator[tuple[str, str, Path]]:
        yield from _under(self.project)
        for name, folder in self.installed.items():
            vendor, _, arch = name.partition(":")
            yield vendor, arch, folder
        for root in self.shared:
            yield from _under(root)

    def roots(self) -> list[Path]:
        """The places in words: where a user would put a platform."""
        return [self.project, *self.shared]


def hardware(project_dir: Path, installed: Installed) -> Hardware:
    """Where this project's platforms are looked for."""
    shared = (sketchbook() / "hardware", *_distribution())
    return Hardware(project_dir / "hardware", installed.platforms, shared)


def sketchbook() -> Path:
    """The user's Arduino folder; arduino-cli's variable moves it."""
    named = environ().get("ARDUINO_DIRECTORIES_USER")
    if named:
        return Path(named)
    above = Path.home() if sys.platform == "linux" else Path.home() / "Documents"
    return above / "Arduino"


def _distribution() -> list[Path]:
    """`arduino/hardware` in each data folder of the system (XDG Base Directory specification)."""
    folders = environ().get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    return [Path(folder) / "arduino" / "hardware" for folder in folders.split(":") if folder]


def _under(root: Path) -> Iterator[tuple[str, str, Path]]:
    for vendor in below(root):
        for folder in below(vendor):
            if is_file(folder / BOARDS):
                yield vendor.name, folder.name, folder
