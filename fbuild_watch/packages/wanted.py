"""What a project requires, read from the forms in which people write it. Pure.

    arduino:avr   arduino:avr@1.8.6   esp32:esp32@^3      a platform of an index, with its tools
    vendor:arch @ URL                                     a platform from an archive or repository
    NAME @ URL                                            a tool
    Servo   Servo@^1.2   arduino-libraries/Servo@1.2      a library of Arduino's library index
    URL   NAME=URL   NAME @ URL   ../folder               a library (in lib_deps)

A folder or a file on this machine is a library and no OWNER/NAME, as in PlatformIO. The owner before
a library's name says nothing to Arduino's index: it is dropped. Names that only PlatformIO's registry
knows are refused with words, never guessed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fbuild_watch.errors import UnsupportedPackage
from fbuild_watch.packages import sources, versions
from fbuild_watch.packages.identity import Kind
from fbuild_watch.packages.sources import Source

_PATHS = ("./", "../", "/", "~/", f".{os.sep}", f"..{os.sep}")
_PLATFORM = re.compile(r"[\w.\-]+:[\w.\-]+")
_NAMED_URL = re.compile(r"(?:[\w.\-]+/)?([^@=/]+?)\s*[@=]\s*(\S+)")
_FRAMEWORKS = {
    "framework-arduino-avr": "arduino:avr",
    "framework-arduino-sam": "arduino:sam",
    "framework-arduino-samd": "arduino:samd",
    "framework-arduinoadafruitnrf52": "adafruit:nrf52",
    "framework-arduinoespressif32": "esp32:esp32",
    "framework-arduinoespressif8266": "esp8266:esp8266",
    "framework-arduinopico": "rp2040:rp2040",
    "framework-arduinoststm32": "STMicroelectronics:stm32",
}
"""The platform that a PlatformIO package with this name is."""

PLATFORM_FORMS = (
    "PlatformIO's own registry is not supported; write VENDOR:ARCH[@VERSION] for a core of an "
    "Arduino package index (its URL in custom_fbuild_index), or NAME @ URL"
)
LIBRARY_FORMS = (
    "a library is NAME[@VERSION] of Arduino's library index, or a URL: http, https, file, git; one "
    "that `pio pkg install` has installed for the project is used too"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One package that is required."""

    kind: Kind
    name: str
    """For a platform "vendor:arch"."""
    constraint: str = ""
    source: Source | None = None
    is_dependency: bool = False
    """Whether it is a library that only another library names."""
    optional: bool = False
    """Whether it is left out where no server can be asked for it."""

    def __str__(self) -> str:
        if self.source:
            return f"{self.kind} {self.name} from {self.source}"
        return f"{self.kind} {self.name}{'@' if self.constraint else ''}{self.constraint}"


@dataclass(frozen=True, slots=True)
class Requirements:
    """Everything that one environment requires, and the package indexes it names."""

    packages: tuple[Wanted, ...] = ()
    indexes: tuple[str, ...] = ()
    present: frozenset[str] = frozenset()
    """Libraries that are here without us, by `simple` name: a dependency on one is met."""


def simple(name: str) -> str:
    """A library's name as it is compared: folders have `_` where names have spaces."""
    return name.casefold().replace(" ", "_")


def read(
    platform_packages: Iterable[str], lib_deps: Iterable[str], indexes: str, base: Path
) -> Requirements:
    """Read an environment's options. Raises UnsupportedPackage."""
    packages = [*(platform_package(text, base) for text in platform_packages),
                *(library(text, base) for text in lib_deps)]  # fmt: skip
    urls = [url.strip() for url in re.split(r"[,\s]+", indexes) if url.strip()]
    return Requirements(tuple(packages), tuple(urls))


def platform(text: str) -> Wanted:
    """Read `vendor:arch[@constraint]`. Raises UnsupportedPackage."""
    name, _, constraint = (part.strip() for part in text.partition("@"))
    if not _PLATFORM.fullmatch(name) or not versions.is_constraint(constraint):
        raise UnsupportedPackage(text, "is no VENDOR:ARCH[@VERSION]", hint=PLATFORM_FORMS)
    return Wanted("platform", name, constraint)


def platform_package(text: str, base: Path) -> Wanted:
    """Read an entry of platform_packages. Raises UnsupportedPackage."""
    text = text.strip()
    match = _NAMED_URL.fullmatch(text)
    if match and sources.is_url(match[2]):
        name = _FRAMEWORKS.get(match[1], match[1])
        kind: Kind = "platform" if _PLATFORM.fullmatch(name) else "tool"
        return Wanted(kind, name, source=_source(text, match[2], base))
    if sources.is_url(text):
        raise UnsupportedPackage(text, "has no name", hint="write NAME @ URL")
    return platform(text)


def names_platform(text: str) -> bool:
    """Whether an entry is of a platform: VENDOR:ARCH, with or without version or URL."""
    name = re.split(r"[@=]", text, maxsplit=1)[0].strip()
    return _PLATFORM.fullmatch(name) is not None


def library(text: str, base: Path) -> Wanted:
    """Read an entry of lib_deps. Raises UnsupportedPackage."""
    text = text.strip()
    if sources.is_url(text):
        source = _source(text, text, base)
        return Wanted("library", source.name or "library", source=source)
    match = _NAMED_URL.fullmatch(text)
    if match and sources.is_url(match[2]):
        return Wanted("library", match[1], source=_source(text, match[2], base))
    if _is_path(text, base):
        source = sources.at(base / os.path.expanduser(text))  # noqa: PTH111  (it never raises)
        return Wanted("library", source.name or "library", source=source)
    full, _, constraint = (part.strip() for part in text.partition("@"))
    name = full.rpartition("/")[2].strip()
    if not name or name.isdigit() or "://" in text or not versions.is_constraint(constraint):
        raise UnsupportedPackage(text, "is no library that fbuild knows", hint=LIBRARY_FORMS)
    return Wanted("library", name, constraint)


def _is_path(text: str, base: Path) -> bool:
    """Whether a text names a place on this machine: by its form, or since something is there."""
    if text.startswith(_PATHS):
        return True
    return ("/" in text or os.sep in text) and (base / text).exists()


def _source(text: str, url: str, base: Path) -> Source:
    source = sources.parse(url, base)
    if source is None:
        raise UnsupportedPackage(text, "is no URL that can be fetched", hint=LIBRARY_FORMS)
    return source
