"""A library in a folder: what it is called, what it can be used for, which of its files count.

Not here: which libraries a project needs (finding.py).

The layouts
- Arduino 1.5 (library.properties and `src/`): everything below `src` is compiled.
- Arduino flat (no `src/`): the folder and `utility/`, neither with what lies deeper; `utility` is
  on the include path of the library's own sources only.
- PlatformIO (library.json): srcDir, includeDir, srcFilter, flags, unflags, libLDFMode, libCompatMode.
  Without them: `src`, else the folder but for examples and tests; `include` where it is there.
- A folder with neither manifest is read as PlatformIO reads it: flat with a keywords.txt.

A library.json wins over a library.properties beside it, as in PlatformIO; a folder without `src`
stays flat then.
"""

from __future__ import annotations

import codecs
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from fbuild_watch.model import PACKAGE_RECORD
from fbuild_watch.project import sources
from fbuild_watch.project import userflags as user_flags
from fbuild_watch.project.memory import ENTRIES, FileMemory, is_file

_PROPERTIES = "library.properties"
_JSON = "library.json"
_SOURCES, _INCLUDES = ("src", "Src"), ("include", "Include")
_UNUSED = ("-<example/>", "-<examples/>", "-<test/>", "-<tests/>")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says; the defaults are those of a folder without one."""

    name: str = ""
    version: str = ""
    architectures: tuple[str, ...] = ()
    """Arduino's architectures or PlatformIO's platforms; empty: any."""
    frameworks: tuple[str, ...] = ()
    """PlatformIO's frameworks; empty: any."""
    depends: tuple[str, ...] = ()
    """What comes with it (library.json). What library.properties names, includes decide on: much of
    it is for examples."""
    flat: bool = False
    archive: bool = False
    """Whether its objects are linked from an archive (dot_a_linkage, libArchive)."""
    precompiled: str = ""
    """"", "true", or "full": what lies compiled beside or instead of the sources."""
    ldflags: str = ""
    src_dir: str = ""
    include_dir: str = ""
    src_filter: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    unflags: tuple[str, ...] = ()
    ldf_mode: str = ""
    compat_mode: str = ""
    """As lib_ldf_mode and lib_compat_mode, for this library; empty: the project's."""
    unsupported: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Library:
    """A library, read from its folder."""

    folder: Path
    manifest: Manifest
    location: int
    """Where it was found; a higher one is nearer to the project."""
    sources_dir: Path
    includes: tuple[Path, ...]
    """The folders that its users include from."""
    private: tuple[Path, ...]
    """Folders on the include path of its own sources only."""
    names: frozenset[str] = field(repr=False)
    """What its users can include: the headers of its include folders, and their subfolders."""
    called: str
    """The name of its folder; of an installed one's the folder above, for its own is a version."""

    @property
    def name(self) -> str:
        """As the manifest says, else the folder's."""
        return self.manifest.name or self.called

    @property
    def words(self) -> str:
        """Name, version and place."""
        return " ".join(filter(None, (self.name, self.manifest.version, f"({self.folder})")))

    def offers(self, header: str) -> bool:
        """Whether `#include <header>` is answered by this library."""
        first, slash, _ = header.partition("/")
        if first not in self.names:
            return False
        return not slash or any(is_file(folder / header) for folder in self.includes)

    def files(self) -> list[Path]:
        """Its sources. Raises InvalidProject for a folder that cannot be read."""
        if self.manifest.flat:
            folders = (self.folder, self.folder / "utility")
            return [path for folder in folders for path in sources.directly_in(folder)]
        if self.manifest.src_filter:
            return sources.filtered(self.sources_dir, self.manifest.src_filter)
        return sources.filtered(self.sources_dir, ("+<*>", *_UNUSED), suffixes=sources.ARDUINO)


def read(folder: Path, location: int) -> Library | None:
    """The library in a folder; None where there is no folder or nothing in it that could be one."""
    try:
        entries = {path.name: is_folder for path, is_folder in ENTRIES.of(str(folder))}
        manifest = _manifest(folder, entries)
    except OSError:
        return None
    inner = manifest.src_dir or next((name for name in _SOURCES if entries.get(name)), "")
    if manifest.flat and inner:
        manifest = replace(manifest, flat=False)
    source = folder / inner
    includes = _includes(folder, manifest, entries, source)
    private = (folder / "utility",) if manifest.flat and entries.get("utility") else ()
    names = frozenset(name for place in includes for name in _headers(place))
    if not names:
        return None
    called = folder.parent.name if PACKAGE_RECORD in entries else folder.name
    return Library(folder, manifest, location, source, includes, private, names, called)


def _includes(
    folder: Path, manifest: Manifest, entries: Mapping[str, bool], source: Path
) -> tuple[Path, ...]:
    named = next((name for name in _INCLUDES if entries.get(name)), "")
    own = manifest.include_dir or ("" if manifest.flat else named)
    first = (folder / own,) if own else ()
    added = (folder / name for name in user_flags.includes(manifest.flags))
    return tuple(dict.fromkeys((*first, source, *added)))


def _headers(folder: Path) -> list[str]:
    try:
        entries = ENTRIES.of(str(folder))
    except OSError:
        return []
    return [path.name for path, is_folder in entries
            if is_folder or path.name.endswith(sources.HEADERS)]  # fmt: skip


# --- manifests -----------------------------------------------------------------------------


def _manifest(folder: Path, entries: Mapping[str, bool]) -> Manifest:
    if _JSON in entries:
        found = _JSON_FILES.of(str(folder / _JSON))
        is_flat = _PROPERTIES in entries and not found.src_filter
        return replace(found, flat=True) if is_flat else found
    if _PROPERTIES in entries:
        return _PROPERTIES_FILES.of(str(folder / _PROPERTIES))
    return Manifest(flat="keywords.txt" in entries)


def _from_properties(data: bytes, _path: str) -> Manifest:
    """library.properties; a line that is none is passed over, as libraries in the wild have them."""
    pairs = (line.partition("=") for line in data.decode("utf-8-sig", "replace").splitlines())
    values = {key.strip(): value.strip() for key, equals, value in pairs if equals}
    architectures = _listed(values.get("architectures", ""))
    return Manifest(
        name=values.get("name", ""),
        version=values.get("version", ""),
        architectures=() if "*" in architectures else architectures,
        flat=True,
        archive=values.get("dot_a_linkage") == "true",
        precompiled=values.get("precompiled", "").replace("false", ""),
        ldflags=values.get("ldflags", ""),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _from_json(data: bytes, path: str) -> Manifest:
    """library.json; one that is no JSON counts as none, with a word about it."""
    try:
        content = msgspec.json.decode(data.removeprefix(codecs.BOM_UTF8))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Manifest(unsupported=(f"{path} is not JSON ({error}): it is not heeded",))
    content = _object(content)
    build = _object(content.get("build"))
    return Manifest(
        name=_text(content.get("name")),
        version=_text(content.get("version")),
        architectures=_platforms(content.get("platforms")),
        frameworks=_any_of(_listed_or_words(content.get("frameworks"))),
        depends=_dependencies(content.get("dependencies")),
        archive=build.get("libArchive") is True,
        src_dir=_text(build.get("srcDir")),
        include_dir=_text(build.get("includeDir")),
        src_filter=_words(build.get("srcFilter")),
        flags=_flags(build.get("flags")),
        unflags=_flags(build.get("unflags")),
        ldf_mode=_text(build.get("libLDFMode")).strip().lower(),
        compat_mode=_text(build.get("libCompatMode")).strip().lower(),
        unsupported=tuple(_unsupported(build, path)),
    )


def _unsupported(build: Mapping[str, Any], path: str) -> Iterator[str]:
    if "extraScript" in build:
        yield f"{path}: build.extraScript is not run"
    for key in ("flags", "unflags"):
        for word in _flags(build.get(key)):
            if "$" in word:
                yield f"{path}: build.{key}: {word} has a variable of PlatformIO's builder: it stays as it is"


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    """A text; a NUL, which no path may have, is none."""
    return value if isinstance(value, str) and "\0" not in value else ""


def _words(value: Any) -> tuple[str, ...]:
    """A list of texts, or a text with words in it."""
    return tuple(word for text in _texts(value) for word in text.split())


def _flags(value: Any) -> tuple[str, ...]:
    """Words as a shell has them; of a text with a quote that is not closed, what spaces divide."""
    return tuple(word for text in _texts(value) for word in _shell_words(text))


def _shell_words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _texts(value: Any) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    return [text for text in map(_text, texts) if text]


_PLATFORMS = {
    "atmelavr": "avr", "atmelmegaavr": "megaavr", "espressif32": "esp32", "espressif8266": "esp8266",
    "atmelsam": "sam", "ststm32": "stm32", "nordicnrf52": "nrf52", "raspberrypi": "rp2040",
    "renesas-ra": "renesas", "ch32v": "ch32v", "teensy": "teensy", "siliconlabsefm32": "silabs",
}  # fmt: skip
"""PlatformIO's platforms by Arduino's architectures; a platform that is not here is any."""


def _platforms(value: Any) -> tuple[str, ...]:
    return _any_of(tuple(_PLATFORMS.get(name, "*") for name in _listed_or_words(value)))


def _listed_or_words(value: Any) -> tuple[str, ...]:
    return _listed(value) if isinstance(value, str) else _words(value)


def _any_of(names: tuple[str, ...]) -> tuple[str, ...]:
    return () if "*" in names else names


def _dependencies(value: Any) -> tuple[str, ...]:
    """The names in `dependencies`, in each of its two forms, without their owners."""
    if isinstance(value, dict):
        names = list(value)
    elif isinstance(value, list):
        names = [
            _text(item.get("name")) if isinstance(item, dict) else _text(item) for item in value
        ]
    else:
        names = []
    return tuple(name.rpartition("/")[2] for name in names if name)


_PROPERTIES_FILES = FileMemory(_from_properties)
_JSON_FILES = FileMemory(_from_json)
