"""The text of a platformio.ini: sections, options, and the place of each. Pure.

Not here: what a value means (interpolation.py, config.py), and which options there are (options.py).

Rules (Python's configparser as PlatformIO sets it up, which forgets the lines)
- `#` and `;` open a comment at the start of a line, or after white space.
- A line that is indented deeper than its option continues the option's value; an empty line
  inside a value belongs to it.
- A section or an option that stands twice in one file is an error. A later file overrides.
- [DEFAULT] holds what every section has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from fbuild_watch.errors import InvalidProject

DEFAULT = "DEFAULT"
_SECTION = re.compile(r"\[(?P<name>.+)\]")
_OPTION = re.compile(r"(?P<name>.*?)\s*[=:]\s*(?P<value>.*)$")
_COMMENT = re.compile(r"(?:^|(?<=\s))[#;].*")


@dataclass(frozen=True, slots=True)
class Option:
    """An option's text (its lines joined by newlines, no comments), and where its name stands."""

    text: str
    path: str
    line: int

    def error(self, message: str, hint: str = "") -> InvalidProject:
        """An error about this option."""
        return InvalidProject(message, path=self.path, line=self.line, hint=hint)


@dataclass(frozen=True, slots=True)
class Section:
    """A section's options, in the order of the file."""

    path: str
    line: int
    options: dict[str, Option] = field(default_factory=dict)


Document = dict[str, Section]


def parse(text: str, path: str) -> Document:
    """Read the text of an ini file. Raises InvalidProject with the line; `path` is for words."""
    return _Parser(path).parse(text)


def merge(document: Document, later: Document) -> None:
    """Lay a file that is read later over a document: its options win."""
    for name, section in later.items():
        if name in document:
            document[name].options.update(section.options)
        else:
            document[name] = section


class _Parser:
    """The state between two lines."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._document: Document = {}
        self._section: Section | None = None
        self._option = ""
        self._lines: list[str] = []
        self._at = 0
        self._indent = 0
        self._number = 0

    def parse(self, text: str) -> Document:
        for self._number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
            line = _COMMENT.sub("", raw).rstrip()
            if line:
                self._line(line.lstrip(), len(line) - len(line.lstrip()))
            elif not raw.strip():
                self._lines.append("")
        self._close_option()
        return self._document

    def _line(self, line: str, indent: int) -> None:
        if self._option and indent > self._indent:
            self._lines.append(line)
            return
        self._indent = indent
        if match := _SECTION.match(line):
            self._open(match["name"])
        elif self._section is None:
            raise self._error("an option stands before the first [section]")
        elif match := _OPTION.match(line):
            self._set(self._section, match["name"].lower(), match["value"])
        else:
            raise self._error(f"{line!r} is neither [section] nor option = value")

    def _open(self, name: str) -> None:
        self._close_option()
        section = self._document.get(name)
        if section is not None and name != DEFAULT:
            raise self._error(f"section [{name}] stands here again (first at line {section.line})")
        self._section = section or Section(self._path, self._number)
        self._document[name] = self._section

    def _set(self, section: Section, name: str, value: str) -> None:
        self._close_option()
        if not name:
            raise self._error("an option has no name")
        if name in section.options:
            first = section.options[name].line
            raise self._error(f"option {name} stands here again (first at line {first})")
        self._option, self._lines, self._at = name, [value], self._number
        section.options[name] = Option(value, self._path, self._number)

    def _close_option(self) -> None:
        """Join the lines of the open option's value."""
        if self._section is not None and self._option and len(self._lines) > 1:
            text = "\n".join(self._lines).rstrip()
            self._section.options[self._option] = Option(text, self._path, self._at)
        self._option, self._lines = "", []

    def _error(self, message: str) -> InvalidProject:
        return InvalidProject(message, path=self._path, line=self._number)
