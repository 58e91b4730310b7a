"""A platformio.ini's sections, resolved to one environment.

Not here: the syntax (ini.py), and what a board is (arduino.py).

Rules
- [env] holds the defaults of every [env:NAME].
- An option that is not known here is left alone.
- Nothing is guessed: a value that cannot be what it should be is InvalidProject, with its line.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from fbuild_watch.errors import InvalidProject, UnknownEnvironment
from fbuild_watch.model import Environment
from fbuild_watch.project import ini

FILE_NAME = "platformio.ini"
_PREFIX = "env:"


def environments(project_dir: Path) -> list[str]:
    """The names of all environments, in the order of the file."""
    return _names(_read(project_dir / FILE_NAME))


def load(project_dir: Path, name: str | None = None) -> Environment:
    """Read one environment; None: the first of default_envs, else the first of the file.

    Raises InvalidProject (with file and line) and UnknownEnvironment.
    """
    project_dir = _absolute(project_dir)
    path = project_dir / FILE_NAME
    document = _read(path)
    project = _Options(str(path), document, ("platformio",))
    name = name or _default(document, project)
    if f"{_PREFIX}{name}" not in document:
        raise UnknownEnvironment(name, _names(document), str(path))
    options = _Options(str(path), document, (f"{_PREFIX}{name}", "env"))
    return Environment(
        name=name,
        project_dir=project_dir,
        src_dir=_absolute(project_dir / (project.text("src_dir") or "src")),
        build_dir=project_dir / ".fbuild" / "build" / name,
        board=options.required("board"),
        build_flags=options.words("build_flags"),
        upload_port=options.text("upload_port"),
        upload_speed=options.baud("upload_speed"),
        monitor_port=options.text("monitor_port"),
        monitor_speed=options.baud("monitor_speed") or 115200,
        data_dir=_absolute(project_dir / (project.text("data_dir") or "data")),
    )


def _absolute(path: Path) -> Path:
    """Absolute, without `..`; links stay links: the user's names are the ones in messages."""
    return Path(os.path.abspath(path))  # noqa: PTH100  (Path.absolute keeps `..`)


def _read(path: Path) -> ini.Document:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InvalidProject(
            "there is no such file",
            path=str(path),
            hint="run fbuild in a project's folder, or name the folder; fbuild init makes one",
        ) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InvalidProject("this is not UTF-8 text", path=str(path), line=line) from error
    except OSError as error:
        raise InvalidProject(error.strerror or str(error), path=str(path)) from error
    document = ini.parse(text, str(path))
    _check_names(document, str(path))
    return document


def _names(document: ini.Document) -> list[str]:
    return [name.removeprefix(_PREFIX) for name in document if name.startswith(_PREFIX)]


def _check_names(document: ini.Document, path: str) -> None:
    """An environment's name becomes a folder's name: keep PlatformIO's alphabet."""
    for name in _names(document):
        if not re.fullmatch(r"[\w-]+", name):
            line = document[_PREFIX + name].line
            raise InvalidProject(
                f"[{_PREFIX}{name}] is no name for an environment",
                path=path,
                line=line,
                hint="use letters, digits, - and _",
            )


def _default(document: ini.Document, project: _Options) -> str:
    for name in re.split(r"[,\n]", project.text("default_envs") or ""):
        if name.strip():
            return name.strip()
    names = _names(document)
    if not names:
        hint = "add a section such as [env:main] with board = vendor:arch:board"
        raise InvalidProject("there is no [env:NAME]", path=project.path, hint=hint)
    return names[0]


@dataclass(frozen=True, slots=True)
class _Options:
    """Typed access to the options of some sections; the first section that has one wins."""

    path: str
    document: ini.Document
    sections: tuple[str, ...]

    def _find(self, name: str) -> ini.Option | None:
        for section in self.sections:
            if section in self.document and name in self.document[section].options:
                return self.document[section].options[name]
        return None

    def text(self, name: str) -> str | None:
        """The option's text; None where it is absent or empty."""
        option = self._find(name)
        return option.text if option and option.text else None

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            section = self.sections[0]
            line = self.document[section].line
            hint = f"add {name} = ... to [{section}]"
            raise InvalidProject(f"[{section}] has no {name}", path=self.path, line=line, hint=hint)
        return value

    def baud(self, name: str) -> int | None:
        """A rate in bits a second."""
        option = self._find(name)
        if option is None or not option.text:
            return None
        if not (option.text.isascii() and option.text.isdigit() and int(option.text) > 0):
            raise self._wrong(name, option, "is not a baud rate", f"such as {name} = 115200")
        return int(option.text)

    def words(self, name: str) -> tuple[str, ...]:
        """Words split as a shell splits them, over all lines."""
        option = self._find(name)
        if option is None:
            return ()
        try:
            return tuple(shlex.split(option.text))
        except ValueError as error:
            raise self._wrong(name, option, f"cannot be split into words ({error})") from error

    def _wrong(self, name: str, option: ini.Option, what: str, hint: str = "") -> InvalidProject:
        message = f"{name} = {option.text!r} {what}"
        return InvalidProject(message, path=self.path, line=option.line, hint=hint)
