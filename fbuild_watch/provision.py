"""What an environment requires, brought here before it is planned: project meets packages.

Rules
- What is here is used unasked: the project's `hardware` and libraries, the sketchbook, the
  distribution's cores. Only what a project pins, or what is nowhere, is installed.
- A board's platform, and one that it borrows from, is installed when it is nowhere and an index may have it: one that the project
  names, or one that is known for its vendor. Where nobody knows the board's name, the core that
  PlatformIO's `platform` stands for is the one to have it.
- A name in lib_deps that a folder within reach already has (`SPI` of the core), in a version that
  would do, is that one.
- What the project's own libraries depend on is installed too where it is nowhere.
- As long as the requirements stay the same, nobody looks again in this process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import trio

from fbuild_watch.model import Environment, Installed
from fbuild_watch.project import boards, libraries, planner, runtime
from fbuild_watch.project.catalogue import folders as library_folders
from fbuild_watch.project.hardware import Hardware, hardware
from fbuild_watch.project.libraries import Library
from fbuild_watch.project.memory import below

if TYPE_CHECKING:
    from fbuild_watch.packages import Packages, Progress, Requirements, Wanted

_WORTH_A_LINE = frozenset(("downloading", "cloning", "waiting", "installed", "repairing"))
_PINNED = re.compile(r"[\w.\-]+:[\w.\-]+(@.+)?")


@dataclass(frozen=True, slots=True)
class _Required:
    """Everything that decides what has to be installed."""

    platform: str
    """vendor:arch of the board; empty where it has none."""
    is_here: bool
    """Whether that platform is on this machine without us."""
    platform_packages: tuple[str, ...]
    lib_deps: tuple[str, ...]
    depending: tuple[Library, ...]
    """The project's own libraries that depend on what is not here without us."""
    indexes: str

    @property
    def nothing(self) -> bool:
        named = self.platform_packages or self.lib_deps or self.depending
        return not named and (self.is_here or not self.platform)


def spoken(say: Callable[[str], None]) -> Callable[[Progress], None]:
    """The steps that are worth a line, each once: for those who show no bar."""
    said: set[tuple[str, str]] = set()

    def tell(progress: Progress) -> None:
        step = (progress.step, progress.package)
        if progress.step in _WORTH_A_LINE and step not in said:
            said.add(step)
            size = f" ({progress.total / 1e6:,.1f} MB)" if progress.total else ""
            detail = f": {progress.detail}" if progress.detail else ""
            say(f"{progress.step} {progress.package}{size}{detail}")

    return tell


class Provision:
    """Keeps what one environment requires installed. The packages are in use until `close`."""

    def __init__(self) -> None:
        self._packages: Packages | None = None
        self._required: _Required | None = None
        self._installed = Installed()

    def close(self) -> None:
        """Use none of them any more: they may be removed."""
        if self._packages is not None:
            self._packages.close()
            self._packages = None
        self._required = None

    async def provide(
        self, environment: Environment, on_progress: Callable[[Progress], None]
    ) -> Installed:
        """Install what is missing. Raises PackageError, UnknownBoard."""
        required = await trio.to_thread.run_sync(_required, environment)
        if required.nothing:
            return Installed()
        if required != self._required:
            self._installed = await self._install(environment, required, on_progress)
            self._required = required
        return self._installed

    async def _install(
        self,
        environment: Environment,
        required: _Required,
        on_progress: Callable[[Progress], None],
    ) -> Installed:
        if self._packages is None:
            self._packages = await trio.to_thread.run_sync(_new_packages)
        packages = self._packages
        needed = _platforms(environment, required)
        platforms = await packages.ensure(needed, on_progress=on_progress)
        borrowed = await trio.to_thread.run_sync(runtime.lenders, environment, platforms)
        if lenders := _known(borrowed, required.indexes):
            needed = _with_platforms(needed, lenders)
            platforms = await packages.ensure(needed, on_progress=on_progress)
        wanted = await trio.to_thread.run_sync(_libraries, environment, required, platforms)
        if not wanted.packages:
            return platforms
        brought = await packages.ensure(wanted, on_progress=on_progress)
        return replace(platforms, libraries=brought.libraries)


def _new_packages() -> Packages:
    """The first time it imports an HTTP client and all that goes with it."""
    from fbuild_watch.packages import Packages

    return Packages()


def _required(environment: Environment) -> _Required:
    indexes = [*environment.package_indexes, environment.custom.get("fbuild_index", "")]
    name = planner.board_name(environment) if environment.board else ""
    if name and ":" not in name:
        name = boards.likely_platform(environment.platform)
    vendor, colon, rest = name.partition(":")
    arch = rest.partition(":")[0]
    where = hardware(environment.project_dir, Installed())
    pinned = (environment.platform,) if _PINNED.fullmatch(environment.platform) else ()
    is_here = bool(colon) and where.platform(vendor, arch) is not None
    borrowed = runtime.lenders(environment, Installed()) if is_here else ()
    named = (*pinned, *environment.platform_packages, *_known(borrowed, " ".join(indexes)))
    platform = f"{vendor}:{arch}" if colon else ""
    return _Required(
        platform=platform,
        is_here=is_here,
        platform_packages=tuple(text for text in named if not _is_met(text, where)),
        lib_deps=environment.lib_deps,
        depending=_depending(environment, platform),
        indexes=" ".join(indexes).strip(),
    )


def _depending(environment: Environment, platform: str) -> tuple[Library, ...]:
    held = below(environment.lib_dir) if environment.lib_dir else []
    read = (libraries.read(path, 0) for path in held)
    own = [library for library in read if library and library.manifest.depends]
    if not own:  # nearly always
        return ()
    from fbuild_watch.packages import wanted

    near = _library_names(environment, platform, Installed())
    return tuple(library for library in own
                 if not near.keys() >= set(map(wanted.simple, library.manifest.depends)))  # fmt: skip


def _is_met(text: str, where: Hardware) -> bool:
    """Whether VENDOR:ARCH, with no version, names a platform that is here."""
    vendor, colon, arch = text.strip().partition(":")
    return bool(colon) and where.platform(vendor, arch) is not None


def _platforms(environment: Environment, required: _Required) -> Requirements:
    from fbuild_watch.packages import known, wanted

    named = wanted.read(required.platform_packages, (), required.indexes, environment.project_dir)
    missing = required.platform and not required.is_here
    if not missing or any(one.name == required.platform for one in named.packages):
        return named
    vendor = required.platform.partition(":")[0]
    if not (named.indexes or known.indexes_for(vendor)):
        return named  # nobody could have it; the plan says what is known
    return replace(named, packages=(wanted.platform(required.platform), *named.packages))


def _known(platforms: Sequence[str], indexes: str) -> tuple[str, ...]:
    """Those that an index may have; of the others the plan says what is missing."""
    if not platforms:  # nearly always: the room of packages stays shut
        return ()
    from fbuild_watch.packages import known

    return tuple(name for name in platforms
                 if indexes.strip() or known.indexes_for(name.partition(":")[0]))  # fmt: skip


def _with_platforms(requirements: Requirements, names: tuple[str, ...]) -> Requirements:
    from fbuild_watch.packages import wanted

    more = tuple(map(wanted.platform, names))
    return replace(requirements, packages=(*requirements.packages, *more))


def _libraries(environment: Environment, required: _Required, installed: Installed) -> Requirements:
    from fbuild_watch.packages import depends, wanted

    read = wanted.read((), required.lib_deps, required.indexes, environment.project_dir)
    near = _library_names(environment, required.platform, installed)
    missing = (one for one in read.packages if not _is_near(one, near))
    more = (one for library in required.depending for one in depends.of_own(library.folder)
            if wanted.simple(one.name) not in near)  # fmt: skip
    return replace(read, packages=(*missing, *more), present=frozenset(near))


def _is_near(one: Wanted, near: Mapping[str, str]) -> bool:
    from fbuild_watch.packages import versions, wanted

    version = near.get(wanted.simple(one.name))
    if version is None or one.source is not None:
        return False
    return not one.constraint or versions.satisfies(version, one.constraint)


def _library_names(
    environment: Environment, platform_name: str, installed: Installed
) -> dict[str, str]:
    """What the libraries within reach are called, themselves and their folders: name -> version."""
    from fbuild_watch.packages import wanted

    vendor, _, arch = platform_name.partition(":")
    platform = hardware(environment.project_dir, installed).platform(vendor, arch)
    held = library_folders(environment, [platform] if platform else [])
    found = [path for folder, _ in held for path in below(folder)]
    names: dict[str, str] = {}
    for path in found:
        library = libraries.read(path, 0)
        version = library.manifest.version if library else ""
        for name in (library.name, path.name) if library else (path.name,):
            names.setdefault(wanted.simple(name), version)
    return names
