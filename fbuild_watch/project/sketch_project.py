"""A sketch's folder as a project: `sketch.yaml` (arduino-cli's sketch project file), or none at all.

Not here: how the tabs become one source (sketch.py).

Rules
- A profile is an environment. Without a name it is default_profile, else default_fqbn, else the
  only profile.
- In a bare folder `-e` names the board: `-e arduino:avr:uno`, or a short name.
- The sources are the folder's own and those below `src`: Arduino's sketch specification.
- Libraries are found as Arduino's builder finds them: all their sources are followed (deep+).
- Library and platform versions are written as PlatformIO writes them, NAME@VERSION.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fbuild_watch.errors import InvalidProject, UnknownEnvironment
from fbuild_watch.model import Environment
from fbuild_watch.project import yaml_lines
from fbuild_watch.project.config import read
from fbuild_watch.project.memory import below, is_file
from fbuild_watch.project.yaml_lines import Map

FILE_NAMES = ("sketch.yaml", "sketch.yml")
_BAUD = 9600
"""arduino-cli's own."""
_SOURCES = (
    "+<*.ino>", "+<*.pde>", "+<*.c>", "+<*.cc>", "+<*.cpp>", "+<*.cxx>", "+<*.S>", "+<src/>",
)  # fmt: skip
_VERSIONED = re.compile(r"(?P<name>.+?)\s*\((?P<version>[^()]+)\)")
_TOP = ("profiles", "default_profile", "default_fqbn", "default_port", "default_protocol",
        "default_port_config", "default_programmer")  # fmt: skip
_PROFILE = ("notes", "fqbn", "programmer", "port", "port_config", "protocol", "platforms",
            "libraries")  # fmt: skip


def is_sketch(folder: Path) -> bool:
    """Whether a folder holds a sketch."""
    return _file(folder) is not None or any(path.suffix == ".ino" for path in below(folder))


def environments(folder: Path) -> list[str]:
    """The names of a sketch's profiles."""
    path = _file(folder)
    return list(_Sketch.read(path).profiles()) if path else []


def load(folder: Path, name: str | None) -> Environment:
    """One profile of a sketch. Raises InvalidProject (with file and line), UnknownEnvironment."""
    path = _file(folder)
    sketch = _Sketch.read(path) if path else _Sketch(folder / FILE_NAMES[0], Map({}, 0))
    return sketch.environment(folder, name)


def _file(folder: Path) -> Path | None:
    return next((folder / name for name in FILE_NAMES if is_file(folder / name)), None)


@dataclass(slots=True)
class _Sketch:
    """The content of a sketch.yaml."""

    path: Path
    top: Map
    warnings: list[str] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> _Sketch:
        return cls(path, yaml_lines.parse(read(path), path))

    def profiles(self) -> dict[str, Any]:
        return self._map(self.top, "profiles").values

    def environment(self, folder: Path, name: str | None) -> Environment:
        name = name or self._default_name()
        profile = self._profile(name)
        self._check_keys(self.top, _TOP)
        self._check_keys(profile, _PROFILE)
        platforms = list(self._entries(profile, "platforms"))
        libraries = list(self._entries(profile, "libraries"))
        config = self._either(profile, "port_config")
        return Environment(
            name=re.sub(r"[^\w-]+", "-", name) if name else "default",
            project_dir=folder,
            src_dir=folder,
            src_filter=_SOURCES,
            build_dir=folder / ".fbuild" / "build" / re.sub(r"[^\w-]+", "-", name or "default"),
            board=self._board(profile, name),
            data_dir=folder / "data",
            framework=("arduino",),
            platform=platforms[0][0] if platforms else "",
            platform_packages=tuple(text for text, _ in platforms[1:]),
            package_indexes=tuple(url for _, url in platforms if url),
            lib_deps=tuple(text for text, _ in libraries),
            lib_ldf_mode="deep+",
            upload_port=self._text(profile, "port") or self._text(self.top, "default_port"),
            monitor_speed=self._baud(config),
            read_from=(self.path,) if self.top.line else (),
            warnings=tuple(self.warnings),
            unsupported=tuple(self.unsupported),
        )

    # --- which profile ---------------------------------------------------------------------

    def _default_name(self) -> str:
        """The profile to take; an empty name stands for default_fqbn."""
        if name := self._text(self.top, "default_profile"):
            return name
        profiles = list(self.profiles())
        if self._text(self.top, "default_fqbn") or len(profiles) != 1:
            return ""
        return profiles[0]

    def _profile(self, name: str) -> Map:
        """A profile; a board's name stands for one that says no more than that."""
        profiles = self._map(self.top, "profiles")
        if name in profiles.values:
            return self._map(profiles, name)
        if not name:
            return Map({}, self.top.line)
        if profiles.values and ":" not in name:
            raise UnknownEnvironment(name, list(profiles.values), str(self.path))
        return Map({"fqbn": name}, self.top.line)

    def _board(self, profile: Map, name: str) -> str:
        board = self._text(profile, "fqbn") or self._text(self.top, "default_fqbn")
        if board:
            return board
        if name:
            hint = "such as fqbn: arduino:avr:uno"
            raise self._error(f"profile {name} has no fqbn", profile.line, hint)
        if names := ", ".join(f"-e {name}" for name in self.profiles()):
            line, hint = self.top.lines["profiles"], f"name one, {names}, or write default_profile"
            raise self._error("of these profiles none is the default", line, hint)
        hint = "name it with -e arduino:avr:uno, or write default_fqbn into sketch.yaml"
        raise self._error("the sketch does not say which board it is for", profile.line, hint)

    # --- values ----------------------------------------------------------------------------

    def _text(self, holder: Map, key: str) -> str | None:
        value = holder.values.get(key)
        if value is None or isinstance(value, str):
            return value or None
        raise self._error(f"{key} must be a text", holder.lines[key])

    def _map(self, holder: Map, key: str) -> Map:
        value = holder.values.get(key)
        if value in (None, ""):
            return Map({}, holder.line)
        if not isinstance(value, Map):
            raise self._error(f"{key} must hold names with values", holder.lines[key])
        return value

    def _either(self, profile: Map, key: str) -> Map:
        """A mapping of the profile, else the file's default."""
        return self._map(profile, key) if key in profile.values else self._map(
            self.top, f"default_{key}")  # fmt: skip

    def _baud(self, config: Map) -> int:
        text = self._text(config, "baudrate")
        if text is None:
            return _BAUD
        if not (text.isascii() and text.isdigit() and int(text) > 0):
            line = config.lines["baudrate"]
            raise self._error(f"baudrate {text!r} is not a baud rate", line, "such as 115200")
        return int(text)

    def _entries(self, profile: Map, key: str) -> Iterator[tuple[str, str]]:
        """NAME@VERSION and index URL of each platform or library."""
        entries = profile.values.get(key) or []
        if not isinstance(entries, list):
            raise self._error(f"{key} must be a list", profile.lines[key])
        for entry in entries:
            if isinstance(entry, str):
                yield _versioned(entry), ""
            elif isinstance(entry, Map):
                yield self._entry(entry)
            else:
                raise self._error(f"{key} holds a list in a list", profile.lines[key])

    def _entry(self, entry: Map) -> tuple[str, str]:
        for key in ("platform", "dependency"):
            if text := self._text(entry, key):
                return _versioned(text), self._text(entry, "platform_index_url") or ""
        if folder := self._text(entry, "dir"):
            return f"symlink://{os.path.normpath(self.path.parent / folder)}", ""
        if url := self._text(entry, "git"):
            return url, ""
        raise self._error("an entry names neither platform, dependency, dir nor git", entry.line)

    def _check_keys(self, holder: Map, known: tuple[str, ...]) -> None:
        for key, line in holder.lines.items():
            if key.endswith("programmer"):
                self.unsupported.append(f"{self.path}:{line}: {key} is not supported")
            near = difflib.get_close_matches(key, known, n=1) if key not in known else []
            if near:
                words = f"{key} is no option; did you mean {near[0]}?"
                self.warnings.append(f"{self.path}:{line}: {words}")

    def _error(self, message: str, line: int, hint: str = "") -> InvalidProject:
        return InvalidProject(message, path=str(self.path), line=line or None, hint=hint)


def _versioned(text: str) -> str:
    match = _VERSIONED.fullmatch(text.strip())
    return f"{match['name']}@{match['version'].strip()}" if match else text.strip()
