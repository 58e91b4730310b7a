"""A project's platformio.ini with everything that it refers to: the value of any option.

Not here: what the values mean for a build (environment.py).

Rules (PlatformIO's ProjectConfig; a differential test holds this against it)
- An option is looked for in its section, then in what that `extends` (the last named first, each
  with what it extends itself), then, for [env:NAME], in [env].
- An environment variable overrides an option that has one, or is added where the option is a list.
- Files of extra_configs are laid over what was read before, in order of their names.

Where PlatformIO goes on with something that nobody can have meant, this is an error with its line:
`extends` in a circle (PlatformIO hangs), and a reference to an option that has no value ("None").
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fbuild_watch.errors import InvalidProject
from fbuild_watch.project import ini, options
from fbuild_watch.project.interpolation import BadReference, expand, expand_percent
from fbuild_watch.project.memory import LOOKS, read_bytes

FILE_NAME = "platformio.ini"
_ENV = "env:"
_COMMENT = re.compile(r"\s+;.*$")
_WILD = re.compile(r"[*?\[]")
_FLAGS = {
    **dict.fromkeys(("1", "yes", "true", "on", "t", "y"), True),
    **dict.fromkeys(("0", "no", "false", "off", "f", "n", ""), False),
}

Value = str | int | bool | list[str] | None
"""What an option holds; None: it is not set and has no default."""


@dataclass(frozen=True, slots=True)
class Found:
    """An option, and the section in which it stands."""

    section: str
    name: str
    option: ini.Option


class Config:
    """The sections of a project's ini files."""

    def __init__(self, project_dir: Path, environ: Mapping[str, str]) -> None:
        """Read PROJECT_DIR/platformio.ini and its extra_configs. Raises InvalidProject."""
        self.path = project_dir / FILE_NAME
        self.files: list[Path] = []
        self.folders: list[Path] = []
        """Where extra_configs are looked for."""
        self.document: ini.Document = {}
        self._folder = project_dir
        self._environ = dict(environ)  # os.environ decodes at each look
        self._merged: dict[str, dict[str, Found]] = {}
        self._open: list[tuple[str, str]] = []
        """The references that are being followed, outermost first."""
        self._read(self.path, read(self.path))

    # --- files -----------------------------------------------------------------------------

    def _read(self, path: Path, text: str) -> None:
        self.files.append(path)
        ini.merge(self.document, ini.parse(text, str(path)))
        self._merged.clear()
        for pattern in self.items("platformio", "extra_configs"):
            pattern = os.path.expanduser(pattern)  # noqa: PTH111  (a pattern, not a path)
            self.folders.append(self._folder_of(pattern))
            for name in sorted(glob.glob(pattern, root_dir=self._folder, recursive=True)):  # noqa: PTH207
                extra = Path(os.path.normpath(self._folder / name))
                if extra not in self.files and extra.is_file():
                    self._read(extra, read(extra))

    def _folder_of(self, pattern: str) -> Path:
        """The folder that a pattern's files are in, or the deepest above them that has a name."""
        named = _WILD.split(pattern, maxsplit=1)[0]
        return Path(os.path.normpath(self._folder / f"{named}x")).parent

    # --- sections --------------------------------------------------------------------------

    def environments(self) -> list[str]:
        """The names of all [env:NAME], in the order of the files."""
        return [name.removeprefix(_ENV) for name in self.document if name.startswith(_ENV)]

    def section(self, environment: str) -> str:
        """The name of an environment's section."""
        return _ENV + environment

    def merged(self, section: str) -> dict[str, Found]:
        """Every option that a section has, itself or from what it extends; the nearest one wins.

        Raises InvalidProject where `extends` goes in a circle.
        """
        if section not in self._merged:
            merged: dict[str, Found] = {}
            for found in self._walk(section):
                merged.setdefault(found.name, found)
            self._merged[section] = merged
        return self._merged[section]

    def names(self, section: str) -> list[str]:
        """The names of all options that are set for a section, by files or by the environment."""
        names = list(self.merged(section))
        table = options.KNOWN.get(options.scope_of(section), {})
        return names + [name for name, known in table.items()
                        if name not in names and known.variable in self._environ]  # fmt: skip

    def _walk(self, root: str) -> Iterator[Found]:
        """PlatformIO's order: a stack, so that of several `extends` the last comes first."""
        stack: list[tuple[str, tuple[str, ...]]] = [(root, ())]
        if root.startswith(_ENV):
            stack.insert(0, ("env", ()))
        while stack:
            name, above = stack.pop()
            if name not in self.document:
                continue
            own = self._own(name)
            yield from (Found(name, key, option) for key, option in own.items())
            if "extends" in own:
                for base in split_items(self._raw(Found(name, "extends", own["extends"]))):
                    if base in (name, *above):
                        raise own["extends"].error(f"[{name}] extends [{base}], which extends it")
                    stack.append((base, (name, *above)))

    def _own(self, section: str) -> dict[str, ini.Option]:
        """A section's own options, then those of [DEFAULT]."""
        own = self.document[section].options
        default = self.document.get(ini.DEFAULT)
        return {**own, **{key: option for key, option in default.options.items()
                          if key not in own}} if default else own  # fmt: skip

    # --- values ----------------------------------------------------------------------------

    def find(self, section: str, name: str) -> Found | None:
        """Where an option is set, under its name or an old one; None where it is not in the files."""
        merged = self.merged(section)
        known = options.find(section, name)
        if known is None:
            return merged.get(name)
        places = [key for key in (known[0], *known[1].old_names) if key in merged]
        if len(places) < 2:
            return merged[places[0]] if places else None
        return merged[next(key for key in merged if key in places)]

    def value(self, section: str, name: str) -> Value:
        """An option's value: expanded, checked, with PlatformIO's default where it is not set.

        Raises InvalidProject with the option's file and line.
        """
        found = self.find(section, name)
        known = options.find(section, name)
        if known is None:
            return self._expanded(section, found, self._raw(found)) if found else None
        text = self._with_variable(known[1], self._raw(found) if found else None)
        if text is None:
            default = known[1].default
            if isinstance(default, tuple):
                return list(default)
            if not isinstance(default, str):
                return [] if known[1].many else default
            text = default
        return self._cast(name, known[1], self._expanded(section, found, text), found)

    def text(self, section: str, name: str) -> str | None:
        """The value of an option that is a text; None where it is absent or empty."""
        value = self.value(section, name)
        return str(value) if value not in (None, "") else None

    def items(self, section: str, name: str) -> list[str]:
        """The value of an option that is a list."""
        value = self.value(section, name)
        return value if isinstance(value, list) else split_items(str(value or ""))

    def folder(self, name: str) -> Path:
        """A folder of [platformio]."""
        return Path(str(self.value("platformio", name)))

    def error(self, section: str, name: str, message: str, hint: str = "") -> InvalidProject:
        """An error about an option, with the best place that is known."""
        found = self.find(section, name)
        if found:
            return found.option.error(message, hint)
        stands = self.document.get(section)
        path, line = (stands.path, stands.line) if stands else (str(self.path), None)
        return InvalidProject(message, path=path, line=line, hint=hint)

    def _raw(self, found: Found) -> str:
        """An option's text with its `%` expanded."""
        own = self._own(found.section)
        try:
            return expand_percent(
                found.option.text, lambda name: own[name].text if name in own else None
            )
        except BadReference as error:
            raise found.option.error(f"{found.name}: {error}") from error

    def _with_variable(self, known: options.Known, text: str | None) -> str | None:
        """The environment's word on an option: it overrides, or is added to a list."""
        if not known.variable:
            return text
        names = (known.variable, *(f"PLATFORMIO_{old.upper()}" for old in known.old_names))
        given = next((self._environ[name] for name in names if self._environ.get(name)), None)
        if given is None:
            return text
        return f"{text}\n{given}" if known.many and text else given

    def _cast(self, name: str, known: options.Known, text: str, found: Found | None) -> Value:
        if known.kind == "folder":
            return self._absolute(text)
        values = split_items(text) if known.many else [text]
        for value in values:
            if known.choices and value not in known.choices:
                words = f"must be {' or '.join(known.choices)}"
                raise self._wrong(name, value, words, found)
        if known.many:
            return values
        if known.kind == "flag":
            return self._checked(name, text, _FLAGS.get(text.strip().lower()), "yes or no", found)
        if known.kind in ("int", "bit"):
            number = _integer(text)
            ok = number is not None and (known.kind == "int" or number in (0, 1))
            words = "a whole number" if known.kind == "int" else "0 or 1"
            return self._checked(name, text, number if ok else None, words, found)
        return text

    def _checked(
        self, name: str, text: str, value: int | None, words: str, found: Found | None
    ) -> int:
        if value is None:
            raise self._wrong(name, text, f"must be {words}", found)
        return value

    def _wrong(self, name: str, text: str, words: str, found: Found | None) -> InvalidProject:
        message = f"{name} = {text!r} {words}"
        if found:
            return found.option.error(message)
        return InvalidProject(f"{message} (from the environment)", path=str(self.path))

    def _absolute(self, text: str) -> str:
        if not text or ("${" in text and "}" in text):  # the rest of it is not known yet
            return text
        return os.path.abspath(self._folder / os.path.expanduser(text))  # noqa: PTH100, PTH111

    # --- references ------------------------------------------------------------------------

    def _expanded(self, section: str, found: Found | None, text: str) -> str:
        def fail(message: str) -> InvalidProject:
            if found:
                return found.option.error(f"{found.name}: {message}")
            return InvalidProject(message, path=str(self.path))

        return expand(text, lambda target, name: self._refer(section, target, name, fail))

    def _refer(
        self, section: str, target: str | None, name: str, fail: Callable[[str], InvalidProject]
    ) -> str | None:
        """What `${target.name}` stands for in a value of `section`."""
        if target is None:
            return self._builtin(name)
        if target == "sysenv":
            return self._environ.get(name, "")
        if target == "this":
            if name == "__env__":
                if not section.startswith(_ENV):
                    raise fail(f"${{this.__env__}} stands in [{section}], which is no environment")
                return section.removeprefix(_ENV)
            target = section
        if (target, name) in self._open:
            raise fail(f"${{{target}.{name}}} refers to itself")
        self._open.append((target, name))
        try:
            value = self._target(target, name, fail)
        finally:
            self._open.pop()
        return "\n".join(value) if isinstance(value, list) else str(value)

    def _target(self, section: str, name: str, fail: Callable[[str], InvalidProject]) -> Value:
        value = self.value(section, name)
        if value is None and section in self.document:
            own = self._own(section).get(name.lower())  # names in files are small letters
            if own is not None:
                found = Found(section, name.lower(), own)
                return self._expanded(section, found, self._raw(found))
        if value is None:
            known = section in self.document
            raise fail(f"[{section}] has no {name}" if known else f"there is no [{section}]")
        return value

    def _builtin(self, name: str) -> str | None:
        if name == "PROJECT_DIR":
            return str(self._folder)
        if name == "PROJECT_HASH":
            digest = hashlib.sha1(str(self._folder).encode(), usedforsecurity=False).hexdigest()
            return f"{self._folder.name}-{digest[:10]}"
        return str(int(time.time())) if name == "UNIX_TIME" else None


def read(path: Path) -> str:
    """A project file's text. Raises InvalidProject."""
    try:
        text = read_bytes(path).decode("utf-8-sig")
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
    if "UNIX_TIME" in text or "extra_configs" in text:
        LOOKS.is_sure = False  # the time of day, and patterns: no later look can tell
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split_items(text: str) -> list[str]:
    """The items of a list: one a line, or on one line with `, ` between them."""
    items = (item.strip() for item in text.split("\n" if "\n" in text else ", "))
    return [_COMMENT.sub("", item) for item in items if item and item[0] not in ";#"]


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
