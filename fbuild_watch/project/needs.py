"""What a project has of its own to compile, and the libraries that this needs.

Where the pieces meet: the project's folders, its sketch (sketch.py), the libraries within reach
(catalogue.py), and the search through what they include (finding.py).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fbuild_watch.errors import InvalidProject
from fbuild_watch.model import Environment, GeneratedFile, Installed
from fbuild_watch.project import catalogue, conditions, finding, includes, precompiled, sources
from fbuild_watch.project import sketch as sketches
from fbuild_watch.project import userflags as user_flags
from fbuild_watch.project.includes import Include
from fbuild_watch.project.libraries import Library
from fbuild_watch.project.memory import is_dir
from fbuild_watch.project.recipe import protect
from fbuild_watch.project.units import Group

SKETCH_FOLDER = "sketch"
"""In the build folder: where the C++ source of a sketch is written."""
_LIBRARIES = "libraries"
"""Where a library's objects lie, as Arduino has it: hooks of cores look there for the libraries that
a sketch uses (ESP32's, for the models of ESP_SR)."""
_FOREIGN = ("hardware", "build", ".fbuild")
"""Folders of a project that hold no sources of it, where src_dir is the project itself."""


@dataclass(frozen=True, slots=True)
class Sketch:
    """The project's own sources."""

    files: tuple[Path, ...]
    generated: tuple[GeneratedFile, ...]
    made: tuple[Path, ...]
    """What hooks have written beside the generated ones."""
    includes: tuple[Path, ...]
    beyond: tuple[Path, ...]
    """Folders outside of src_dir in which build_src_filter takes sources."""


def made(environment: Environment) -> tuple[Path, ...]:
    """The sources that a core's hooks have written into `{build.path}/sketch`.

    Arduino compiles them with the sketch (STM32's core asks so for a library that all need).
    """
    folder = environment.build_dir / SKETCH_FOLDER
    ours = tuple(f"{suffix}.cpp" for suffix in sketches.SUFFIXES)
    return tuple(path for path in sources.directly_in(folder) if not path.name.endswith(ours))


def sketch(environment: Environment) -> Sketch:
    """The project's own sources. Raises InvalidProject where there are none."""
    tabs = sketches.tabs(environment.src_dir)
    folder = environment.build_dir / SKETCH_FOLDER
    generated = (sketches.joined(tabs, folder),) if tabs else ()
    files = _files(environment, is_sketch=bool(tabs))
    if not files and not generated:
        raise _nothing(environment)
    include = environment.include_dir or environment.project_dir / "include"
    folders = tuple(path for path in (include, environment.src_dir) if is_dir(path))
    beyond = sources.outside(environment.src_dir, environment.src_filter)
    return Sketch(tuple(files), generated, made(environment), folders, tuple(beyond))


def _files(environment: Environment, *, is_sketch: bool) -> list[Path]:
    folder, project = environment.src_dir, environment.project_dir
    if is_sketch and folder == project:  # Arduino's rule: the folder itself, and all below `src`
        return [*sources.directly_in(folder), *sources.discover(folder / "src")]
    ignored = [project / name for name in _FOREIGN]
    return sources.filtered(folder, environment.src_filter, ignored)


def _nothing(environment: Environment) -> InvalidProject:
    folder = environment.src_dir
    suffixes = " ".join((*sources.ARDUINO, *sketches.SUFFIXES))
    hint = f"put a source file ({suffixes}) there, or set src_dir"
    message = "the folder has no sources" if is_dir(folder) else "no such folder"
    return InvalidProject(message, path=str(folder), hint=hint)


@dataclass(frozen=True, slots=True)
class Need:
    """The libraries of a build."""

    libraries: tuple[Library, ...]
    holders: tuple[Path, ...]
    """The folders in which libraries would be looked for, as far as they are the project's."""
    compiled_in: str
    """Where libraries that come compiled have their archives (precompiled.py)."""
    archives: bool
    warnings: tuple[str, ...]
    followed: Mapping[str, Sequence[Include]]
    """Every file whose includes had a say in this, with these."""

    @property
    def includes(self) -> tuple[Path, ...]:
        """What they put on the include path."""
        return tuple(dict.fromkeys(path for library in self.libraries for path in library.includes))

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders to watch."""
        return (*self.holders, *(library.folder for library in self.libraries))

    @property
    def archive_names(self) -> list[str]:
        """For each library the name of its archive; empty where its objects are linked directly."""
        return [
            f"{name}.a" if self.archives and library.manifest.archive else ""
            for name, library in zip(self._names(), self.libraries, strict=True)
        ]

    def groups(self, base: tuple[Path, ...]) -> list[Group]:
        """The sources of each library; `base`: the include path of the core."""
        return [
            self._group(name, library, base)
            for name, library in zip(self._names(), self.libraries, strict=True)
        ]

    def _group(self, name: str, library: Library, base: tuple[Path, ...]) -> Group:
        path = tuple(dict.fromkeys((*library.includes, *base, *library.private, *self.includes)))
        files = [] if precompiled.replaces_sources(library, self.compiled_in) else library.files()
        flags = user_flags.sort(_absolute(library))
        own = library.location == catalogue.Place.PROJECT
        return Group(f"{_LIBRARIES}/{name}", library.folder, files, path, flags, own=own,
                     unwanted=library.manifest.unflags)  # fmt: skip

    def _names(self) -> list[str]:
        """The folder's name of each library; a second one of that name gets a number."""
        names: list[str] = []
        for library in self.libraries:
            name, number = library.called, 2
            while name in names:
                name, number = f"{library.called}-{number}", number + 1
            names.append(name)
        return names

    def link_properties(self, properties: dict[str, str]) -> dict[str, str]:
        """`compiler.libraries.ldflags` with what these libraries add."""
        words = [
            word for library in self.libraries for word in _link_words(library, self.compiled_in)
        ]
        if not words:
            return {}
        key = "compiler.libraries.ldflags"
        return {key: " ".join((properties.get(key, ""), *(protect(word) for word in words)))}


def _link_words(library: Library, compiled_in: str) -> list[str]:
    flags = user_flags.sort(_absolute(library))
    return [*precompiled.link_words(library, compiled_in), *flags.link, *flags.libraries]


def _absolute(library: Library) -> list[str]:
    """A manifest's flags, with the folders in them counted from the library's own."""
    return user_flags.below(library.manifest.flags, library.folder)


def find(
    environment: Environment,
    installed: Installed,
    own: Sketch,
    command: Sequence[str],
    base: tuple[Path, ...],
    platforms: tuple[Path, ...],
    architecture: str,
    mcu: str,
) -> Need:
    """The libraries that the project's sources need.

    `command`: how C++ is compiled, for its macros and folders; `base`: the core's include path;
    `platforms`: whose bundled libraries count. Raises InvalidProject.
    """
    reach = catalogue.within_reach(environment, installed.libraries, platforms)
    named = (environment.project_dir / folder for folder in user_flags.includes(command))
    added = [Path(os.path.normpath(folder)) for folder in named]
    rules = finding.Rules(
        mode=environment.lib_ldf_mode,
        architecture=architecture,
        strict=environment.lib_compat_mode == "strict",
        macros=conditions.defines(tuple(command)),
    )
    finder = finding.Finder(reach, own.includes, base, rules, added)
    if rules.mode == "off":
        brought = set(installed.libraries)
        for library in (library for library in reach if library.folder in brought):
            finder.take(library)
        found = list(finder.found.values())
    else:
        texts = {environment.src_dir: [include for file in own.generated
                                       for include in includes.scan(file.content.decode("utf-8", "replace"))]}  # fmt: skip
        found = finder.run((*own.files, *own.made), texts)
    return Need(
        libraries=tuple(found),
        holders=tuple(folder for folder in _holders(environment) if is_dir(folder)),
        compiled_in=precompiled.place(mcu, command),
        archives=environment.lib_archive,
        warnings=_warnings(found, rules),
        followed=finder.followed,
    )


def _holders(environment: Environment) -> list[Path]:
    own = [environment.lib_dir] if environment.lib_dir else []
    return [*own, *environment.lib_extra_dirs]


def _warnings(found: Sequence[Library], rules: finding.Rules) -> tuple[str, ...]:
    foreign = (
        f"library {library.words} is for {', '.join(library.manifest.architectures)}, "
        f"and used for {rules.architecture}"
        for library in found
        if not rules.fits(library)
    )
    return (*foreign, *(word for library in found for word in library.manifest.unsupported))
