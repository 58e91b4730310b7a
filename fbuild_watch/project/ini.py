"""platformio.ini as text: sections, options, and the line of each. Pure.

Not here: what an option means (see environment.py).

Rules (Python's configparser as PlatformIO sets it up, which forgets the lines):
- `#` and `;` open a comment at the start of a line, or after white space.
- A line that is indented deeper than its option continues the option's value.
- A section or an option that stands twice is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from fbuild_watch.errors import InvalidProject

_SECTION = re.compile(r"\[(?P<name>.+)\]")
_OPTION = re.compile(r"(?P<name>.*?)\s*[=:]\s*(?P<value>.*)$")
_COMMENT = re.compile(r"(?:^|(?<=\s))[#;].*")


@dataclass(frozen=True, slots=True)
class Option:
    """An option's text (its lines joined by newlines, no comments) and the line of its name."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Section:
    """A section's options, in the order of the file."""

    line: int
    options: dict[str, Option] = field(default_factory=dict)


Document = dict[str, Section]


def parse(text: str, path: str) -> Document:
    """Read the text of an ini file. Raises InvalidProject with the line; `path` is for words."""
    return _Parser(path).parse(text)


class _Parser:
    """The state between two lines."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._document: Document = {}
        self._section: Section | None = None
        self._option: str | None = None
        self._indent = 0
        self._number = 0

    def parse(self, text: str) -> Document:
        for self._number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
            line = _COMMENT.sub("", raw).rstrip()
            if line:
                self._line(line.lstrip(), len(line) - len(line.lstrip()))
        return self._document

    def _line(self, line: str, indent: int) -> None:
        if self._section and self._option and indent > self._indent:
            self._continue(line)
            return
        self._indent = indent
        if match := _SECTION.match(line):
            self._open(match["name"])
        elif self._section is None:
            raise self._error("an option stands before the first [section]")
        elif match := _OPTION.match(line):
            self._set(match["name"].lower(), match["value"])
        else:
            raise self._error(f"{line!r} is neither [section] nor option = value")

    def _open(self, name: str) -> None:
        if name in self._document:
            first = self._document[name].line
            raise self._error(f"section [{name}] stands here again (first at line {first})")
        self._section = self._document[name] = Section(self._number)
        self._option = None

    def _set(self, name: str, value: str) -> None:
        assert self._section is not None
        if not name:
            raise self._error("an option has no name")
        if name in self._section.options:
            first = self._section.options[name].line
            raise self._error(f"option {name} stands here again (first at line {first})")
        self._section.options[name] = Option(value, self._number)
        self._option = name

    def _continue(self, line: str) -> None:
        assert self._section is not None
        assert self._option is not None
        option = self._section.options[self._option]
        joined = f"{option.text}\n{line}" if option.text else line
        self._section.options[self._option] = Option(joined, option.line)

    def _error(self, message: str) -> InvalidProject:
        return InvalidProject(message, path=self._path, line=self._number)
