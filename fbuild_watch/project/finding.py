"""Which libraries the sources need, found from what they include.

Not here: what a library is (libraries.py), how an include is seen (includes.py).

Rules
- An include that the project's or the core's folders answer needs no library. Any other header
  that a library offers brings that library into the build, and its folder onto the include path. So
  does one that is included by its place in a library (`"../lib/Foo/src/foo.h"`).
- chain (PlatformIO's default): followed are the project's sources, every header that is reached
  from them, wherever it lies, and the source beside such a header in a library (`x.cpp` by `x.h`).
  Then all sources of the libraries that this found, and from these on as before: so PlatformIO does
  it, beyond what its documentation says.
- deep (what Arduino does): followed are all sources of every library that was found.
- A plain mode takes every include, whatever `#if` stands around it: it may bring in a library too
  many, never one too few. A mode with + leaves out what conditions.py is sure of.
- off: nothing is followed; what lib_deps has brought is taken whole.
- A library whose library.json names a mode of its own is followed by that, and what it depends on
  comes with it, where it is here.

Which library, where several offer a header: the project's `lib`, what lib_deps brought and
lib_extra_dirs win by place. Otherwise it goes by arduino-cli's order: made for the architecture,
then the likeness of its name to the header's, then sketchbook before core.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fbuild_watch.project import conditions, includes
from fbuild_watch.project.includes import Include
from fbuild_watch.project.libraries import Library
from fbuild_watch.project.memory import ENTRIES, is_file
from fbuild_watch.project.sources import ARDUINO

NEAR = 5
"""Libraries from this location on were chosen by the project: place counts before likeness."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How libraries are looked for."""

    mode: str
    architecture: str
    strict: bool
    macros: Mapping[str, str]

    def mode_of(self, library: Library | None) -> str:
        """How the files of a library are followed; None: the project's."""
        return (library.manifest.ldf_mode if library else "") or self.mode

    def is_deep(self, library: Library) -> bool:
        """Whether all sources of a library are followed."""
        return self.mode_of(library).startswith("deep")

    def may_hold(self, include: Include, library: Library | None) -> bool:
        """Whether an include in a file of a library counts."""
        if not (include.conditions and self.mode_of(library).endswith("+")):
            return True
        held = (conditions.holds(text, self.macros) for text in include.conditions)
        return all(value is not False for value in held)

    def certain(self, include: Include) -> bool:
        """Whether nothing but an include guard could keep an include out."""
        return all(
            text.startswith("!defined(") or conditions.holds(text, self.macros)
            for text in include.conditions
        )

    def is_strict(self, library: Library) -> bool:
        """Whether a library that is for other architectures is none at all."""
        own = library.manifest.compat_mode
        return own == "strict" or (self.strict and not own)

    def fits(self, library: Library) -> bool:
        """Whether a library says that it is for this architecture."""
        known = library.manifest.architectures
        return not known or self.architecture in known


class Finder:
    """One search, from the sources to the libraries in the order in which they were met."""

    def __init__(
        self,
        candidates: Sequence[Library],
        own: Sequence[Path],
        core: Sequence[Path],
        rules: Rules,
        named: Sequence[Path] = (),
    ) -> None:
        """`named`: further folders that the project's flags name; one may be of a library."""
        self._rules = rules
        self._candidates = candidates
        self._offers = _by_header(candidates)
        self._names = {_simple(library.name): library for library in candidates}
        self._names |= {_simple(library.called): library for library in candidates}
        of_library = {folder: one for one in reversed(candidates) for folder in one.includes}
        self._path = [
            *(_Folder(str(folder), None) for folder in (*core, *own)),
            *(_Folder(str(folder), of_library.get(folder)) for folder in named),
        ]
        self._answers: dict[str, _Hit | None] = {}
        self._beside: dict[str, _Folder] = {}
        self._met: set[tuple[str, bool, str]] = set()
        """Includes that were followed: name, whether quoted, and the folder of who includes."""
        self._done: set[str] = set()
        self._waiting: list[tuple[str, Library | None]] = []
        self.found: dict[Path, Library] = {}
        self.followed: dict[str, tuple[Include, ...]] = {}
        """Every file that had a say, and what it included: the answer stands while these do."""

    def run(self, files: Iterable[Path], texts: Mapping[Path, Sequence[Include]]) -> list[Library]:
        """Follow sources, and includes that are in no file yet (by the folder they count from)."""
        self._waiting += ((str(path), None) for path in files)
        for folder, found in texts.items():
            self._follow_all(found, str(folder), None)
        self._drain()
        if self._rules.mode.startswith("chain"):
            for library in self.found.values():
                self._wait_for_all(library)
            self._drain()
        return list(self.found.values())

    def take(self, library: Library) -> None:
        """Bring a library into the build."""
        if library.folder in self.found:
            return
        self.found[library.folder] = library
        self._path += [_Folder(str(folder), library) for folder in library.includes]
        self._answers = {name: hit for name, hit in self._answers.items() if hit is not None}
        for name in library.manifest.depends:
            needed = self._names.get(_simple(name))
            if needed is not None and self._rules.fits(needed):
                self.take(needed)
        if self._rules.is_deep(library):
            self._wait_for_all(library)

    def _wait_for_all(self, library: Library) -> None:
        self._waiting += ((str(path), library) for path in library.files())

    def _drain(self) -> None:
        while self._waiting:
            path, library = self._waiting.pop()
            if path not in self._done:
                self._done.add(path)
                self._follow_all(self._includes(path), os.path.dirname(path), library)  # noqa: PTH120

    def _includes(self, path: str) -> tuple[Include, ...]:
        try:
            found = includes.of_file(path)
        except OSError:
            found = ()
        self.followed[path] = found
        return found

    def _follow_all(self, found: Sequence[Include], folder: str, library: Library | None) -> None:
        if self._rules.mode_of(library) == "off":
            return
        for include in found:
            if self._rules.may_hold(include, library):
                self._follow(include, folder, library)

    def _follow(self, include: Include, folder: str, library: Library | None) -> None:
        met = (include.name, include.quoted, folder)
        if met in self._met:
            return
        hit = self._near(include, folder, library) or self._answer(include)
        if hit is None:
            return
        self._met.add(met)
        if hit.path in self._done:
            return
        self._waiting.append((hit.path, hit.library))
        if hit.library is not None and not self._rules.is_deep(hit.library):
            self._waiting += ((path, hit.library) for path in _sources_beside(hit.path))

    def _near(self, include: Include, folder: str, library: Library | None) -> _Hit | None:
        """The file beside the one that includes, or in a folder of its library."""
        places = [folder] if include.quoted else []
        places += map(str, (*library.includes, *library.private)) if library else ()
        near = next((place for place in places if self._is_beside(place, include.name)), None)
        if near is None:
            return None
        path = f"{near}/{include.name}"
        return self._by_place(path, library) if ".." in include.name else _Hit(path, library)

    def _by_place(self, path: str, library: Library | None) -> _Hit:
        """A header beyond the folder of who includes it: what it lies in is needed."""
        path = os.path.normpath(path)
        within = (one for one in self._candidates if path.startswith(f"{one.folder}{os.sep}"))
        holder = next(within, None)
        if holder is not None:
            self.take(holder)
        return _Hit(path, holder or library)

    def _answer(self, include: Include) -> _Hit | None:
        """The file that an include means, with a library brought in for it where one is needed."""
        name = include.name
        if name in self._answers:
            return self._answers[name]
        hit = self._on_path(name)
        library = self._best(include) if hit is None else hit.library
        if library is not None:
            self.take(library)
            hit = hit or self._on_path(name)
        self._answers[name] = hit
        return hit

    def _on_path(self, name: str) -> _Hit | None:
        for folder in self._path:
            if folder.has(name):
                return _Hit(f"{folder.path}/{name}", folder.library)
        return None

    def _is_beside(self, folder: str, name: str) -> bool:
        known = self._beside.get(folder)
        if known is None:
            known = self._beside[folder] = _Folder(folder, None)
        return known.has(name)

    def _best(self, include: Include) -> Library | None:
        offering = [
            library
            for library in self._offers.get(include.name.partition("/")[0], ())
            if library.offers(include.name)
        ]
        fitting = [library for library in offering if self._rules.fits(library)]
        if not fitting and self._rules.certain(include):
            fitting = [library for library in offering if not self._rules.is_strict(library)]
        rank = _Rank(include.name, self._rules.architecture)
        return max(fitting, key=rank, default=None)


@dataclass(frozen=True, slots=True)
class _Hit:
    """A header, and the library that it is of."""

    path: str
    library: Library | None


class _Folder:
    """A folder in which headers are looked for, listed once."""

    def __init__(self, path: str, library: Library | None) -> None:
        self.path = path
        self.library = library
        try:
            self._names = frozenset(found.name for found, _ in ENTRIES.of(path))
        except OSError:
            self._names = frozenset()

    def has(self, name: str) -> bool:
        first, slash, _ = name.partition("/")
        if first not in self._names and first not in (".", ".."):
            return False
        return not slash or is_file(f"{self.path}/{name}")


@dataclass(frozen=True, slots=True)
class _Rank:
    """How well a library suits a header: arduino-cli's order, as in its libraries resolver."""

    header: str
    architecture: str

    def __call__(self, library: Library) -> tuple[int, int, int, int]:
        near = library.location if library.location >= NEAR else 0
        made_for = self.architecture in library.manifest.architectures
        return (near, int(made_for), self._likeness(library), library.location)

    def _likeness(self, library: Library) -> int:
        header = _simple(os.path.splitext(self.header)[0])  # noqa: PTH122
        names = (_simple(library.name), _simple(library.called))
        if names == (header, header):
            return 6
        if header in names:
            return 5
        if f"{header}_master" in names:
            return 4
        if any(name.startswith(header) for name in names):
            return 3
        if any(name.endswith(header) for name in names):
            return 2
        return int(any(header in name for name in names))


def _simple(name: str) -> str:
    """Names as arduino-cli compares them."""
    return name.casefold().replace(" ", "_").replace("-", "_")


def _by_header(candidates: Sequence[Library]) -> dict[str, list[Library]]:
    offers: dict[str, list[Library]] = {}
    for library in candidates:
        for name in library.names:
            offers.setdefault(name, []).append(library)
    return offers


def _sources_beside(header: str) -> list[str]:
    stem = os.path.splitext(header)[0]  # noqa: PTH122
    return [f"{stem}{suffix}" for suffix in ARDUINO if is_file(f"{stem}{suffix}")]
