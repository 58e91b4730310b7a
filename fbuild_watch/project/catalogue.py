"""All libraries within a project's reach, with how near each is.

Nearest first: the project's `lib`, what lib_deps brought, lib_extra_dirs, the sketchbook's
`libraries`, those of the board's platform, those of the platform that lends it a core.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from pathlib import Path

from fbuild_watch.model import Environment
from fbuild_watch.project import libraries
from fbuild_watch.project.hardware import sketchbook
from fbuild_watch.project.libraries import Library
from fbuild_watch.project.memory import below


class Place(IntEnum):
    """Where a library was found; a higher one is nearer."""

    LENT = 1
    PLATFORM = 2
    SKETCHBOOK = 3
    EXTRA = 5
    INSTALLED = 6
    PROJECT = 7


def within_reach(
    environment: Environment, installed: Sequence[Path], platforms: Sequence[Path]
) -> list[Library]:
    """Every library, nearest first. `platforms`: the board's own, then the one it borrows from."""
    ignored = set(environment.lib_ignore)
    arduino = not environment.framework or "arduino" in environment.framework
    found = (
        libraries.read(folder, place)
        for folder, place in _folders(environment, installed, platforms)
    )
    return [
        library
        for library in found
        if library is not None
        and not ignored & {library.name, library.called}
        and _fits(library, environment, arduino=arduino)
    ]


def folders(environment: Environment, platforms: Sequence[Path]) -> list[tuple[Path, Place]]:
    """The folders that hold libraries, a folder each, whether they are there or not."""
    own = [(environment.lib_dir, Place.PROJECT)] if environment.lib_dir else []
    extra = [(folder, Place.EXTRA) for folder in environment.lib_extra_dirs]
    shared = [(sketchbook() / "libraries", Place.SKETCHBOOK)]
    bundled = [
        (platform / "libraries", place)
        for platform, place in zip(platforms, (Place.PLATFORM, Place.LENT), strict=False)
    ]
    return [*own, *extra, *shared, *bundled]


def _folders(
    environment: Environment, installed: Sequence[Path], platforms: Sequence[Path]
) -> Iterator[tuple[Path, Place]]:
    held = [(folder, place) for holder, place in folders(environment, platforms)
            for folder in _below(holder)]  # fmt: skip
    brought = [(folder, Place.INSTALLED) for folder in installed]
    yield from sorted([*held, *brought], key=lambda pair: -pair[1])


def _below(holder: Path) -> list[Path]:
    return [path for path in below(holder) if not path.name.startswith((".", "__"))]


def _fits(library: Library, environment: Environment, *, arduino: bool) -> bool:
    """PlatformIO's lib_compat_mode, as far as frameworks go (finding.py has architectures)."""
    wanted = library.manifest.frameworks
    mode = library.manifest.compat_mode or environment.lib_compat_mode
    if mode == "off" or not wanted:
        return True
    return (arduino and "arduino" in wanted) or bool(set(environment.framework) & set(wanted))
