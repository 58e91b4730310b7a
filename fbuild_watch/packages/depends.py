"""The libraries that a library names in its manifests. Reads two files; installs nothing.

    library.properties    depends=Name (>=1.2), Other
    library.json          dependencies: {"owner/Name": "^1.2"} or [{"name", "version", ...}] or [text]

Where library.json says that a dependency is for other frameworks, it is none here. Its platforms are
not looked at: a library too many costs its download, one too few a broken build.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from fbuild_watch.errors import UnsupportedPackage
from fbuild_watch.packages import sources, versions, wanted
from fbuild_watch.packages.wanted import Wanted

_PROPERTIES, _JSON = "library.properties", "library.json"
_DEPENDENCY = re.compile(r"\s*([^(]+?)\s*(?:\(([^)]*)\))?\s*")


def of(folder: Path) -> list[Wanted]:
    """What the library in a folder depends on, each name once."""
    found = (*_of_json(folder), *_of_properties(folder))
    by_name = {one.name.lower(): one for one in reversed(found)}
    return [replace(one, is_dependency=True) for one in reversed(by_name.values())]


def of_own(folder: Path) -> list[Wanted]:
    """What a library in a project's own folder depends on, as PlatformIO has it: only what has an
    owner or a URL (other names are the core's), and only by library.json. A build may do without: it
    may be for another platform.
    """
    found = (_library(text, folder) for text in _texts(folder) if "/" in text)
    return [replace(one, is_dependency=True, optional=True) for one in found if one]


def _of_properties(folder: Path) -> Iterator[Wanted]:
    lines = (line.partition("=") for line in _read(folder / _PROPERTIES).splitlines())
    named = next((value for key, _, value in lines if key.strip() == "depends"), "")
    for part in named.split(","):
        if match := _DEPENDENCY.fullmatch(part):
            yield Wanted("library", match[1], _constraint(match[2] or ""))


def _of_json(folder: Path) -> Iterator[Wanted]:
    found = (_library(text, folder) for text in _texts(folder))
    yield from (one for one in found if one)


def _texts(folder: Path) -> Iterator[str]:
    """The `dependencies` of library.json as lib_deps would have them."""
    try:
        content = msgspec.json.decode(_read(folder / _JSON) or "{}")
    except msgspec.DecodeError:
        return
    named = content.get("dependencies") if isinstance(content, dict) else None
    if isinstance(named, dict):
        named = [{"name": name, "version": version} for name, version in named.items()]
    for entry in named if isinstance(named, list) else []:
        yield entry if isinstance(entry, str) else _text(entry)


def _text(entry: Any) -> str:
    """An entry, with its owner if it names one; empty where it is for others."""
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        return ""
    frameworks = entry.get("frameworks")
    named = frameworks if isinstance(frameworks, str | list) else "*"
    if "arduino" not in named and "*" not in named:
        return ""
    name, version = str(entry["name"]), entry.get("version")
    name = f"{entry['owner']}/{name}" if entry.get("owner") and "/" not in name else name
    if not isinstance(version, str):
        return name
    if sources.is_url(version):
        return f"{name.rpartition('/')[2]}={version}"
    return f"{name}@{_constraint(version)}" if _constraint(version) else name


def _library(text: str, folder: Path) -> Wanted | None:
    """One that cannot be had at all is for includes to miss."""
    try:
        return wanted.library(text, folder) if text else None
    except UnsupportedPackage:
        return None


def _constraint(text: str) -> str:
    """A constraint that cannot be read asks for nothing."""
    return text if versions.is_constraint(text) else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""
