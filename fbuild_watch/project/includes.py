"""What a C or C++ source includes: `#include` lines, and the conditions that they stand under.

A scanner of the preprocessor's lexical level, not a preprocessor. What it does:
- comments, string, character and raw string literals and spliced lines are understood, so an
  include in a comment is none, and `#/**/include <x.h>` is one;
- each include comes with the `#if` conditions around it. Whoever asks decides whether to hold them
  against known macros (conditions.py) or to take every include: the over-approximation;
- an include whose name is a macro, `#include_next`, `__has_include` and `#embed` are not seen.

The answer depends on the content only; it is kept by file state and, beyond that, by content.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from fbuild_watch.project.memory import FileMemory

_SPLICE = re.compile(r"\\[ \t]*\r?\n")
_LEXEMES = re.compile(
    r"""
    (?P<include>(?:^|(?<=\*/))[ \t]*(?:\#|%:)[ \t]*(?:include|import)\b[ \t]*<[^>\n]*>)
    | (?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<raw>R"(?P<mark>[^()\\\s]{0,16})\(.*?(?:\)(?P=mark)"|\Z))
    | "(?:[^"\\\n]|\\.)*"
    | '(?:[^'\\\n]|\\.)*'
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_DIRECTIVE = re.compile(
    r"^[ \t\f\v]*(?:\#|%:)[ \t]*(?P<name>include|import|ifdef|ifndef|if|elifdef|elifndef|elif|else|endif)\b"
    r"[ \t]*(?P<rest>[^\n]*)",
    re.MULTILINE,
)
_NAME = re.compile(r'<(?P<system>[^>]+)>|"(?P<quoted>[^"]+)"')


@dataclass(frozen=True, slots=True)
class Include:
    """One `#include`: its name, whether it is quoted, and the conditions that must all hold."""

    name: str
    quoted: bool
    conditions: tuple[str, ...] = ()
    """Expressions as `#if` takes them."""


def of_file(path: str) -> tuple[Include, ...]:
    """The includes of a file, in order. Raises OSError."""
    return _FILES.of(path)


@lru_cache(maxsize=4096)
def scan(text: str) -> tuple[Include, ...]:
    """The includes of a text, in order."""
    end = max(text.rfind("include"), text.rfind("import"))
    if end < 0:
        return ()
    newline = text.find("\n", end)
    code = _SPLICE.sub("", text[:newline] if newline >= 0 else text)
    return tuple(_read(_LEXEMES.sub(_blank, code)))


def _scan_bytes(data: bytes, _path: str) -> tuple[Include, ...]:
    if b"include" not in data and b"import" not in data:
        return ()
    return scan(data.decode("utf-8", errors="replace"))


_FILES = FileMemory(_scan_bytes)


def _blank(match: re.Match[str]) -> str:
    """A comment is a space; a raw string is empty, whatever lines it has; the rest stays."""
    if match["comment"] is not None:
        return " "
    return '""' if match["raw"] is not None else match[0]


def _read(code: str) -> list[Include]:
    found: list[Include] = []
    open_ifs: list[_If] = []
    for match in _DIRECTIVE.finditer(code):
        name, rest = match["name"], match["rest"].strip()
        if name in ("include", "import"):
            conditions = [condition for level in open_ifs for condition in level.conditions()]
            found += _include(rest, tuple(conditions))
        elif name in ("if", "ifdef", "ifndef"):
            open_ifs.append(_If(_condition(name, rest)))
        elif open_ifs and name == "endif":
            open_ifs.pop()
        elif open_ifs:
            open_ifs[-1].turn(_condition(name.removeprefix("el"), rest) if rest else "1")
    return found


@lru_cache(maxsize=4096)
def _include(rest: str, conditions: tuple[str, ...]) -> tuple[Include, ...]:
    match = _NAME.match(rest)
    if match is None:
        return ()
    name = match["system"] or match["quoted"]
    return (Include(name.strip(), match["quoted"] is not None, conditions),)


def _condition(name: str, rest: str) -> str:
    if name == "if":
        return rest
    macro = rest.split(maxsplit=1)[0] if rest else "_"
    return f"defined({macro})" if name == "ifdef" else f"!defined({macro})"


class _If:
    """One open `#if`: the branches that were passed, and the one that we are in."""

    def __init__(self, condition: str) -> None:
        self._passed: list[str] = []
        self._here = condition

    def turn(self, condition: str) -> None:
        self._passed.append(self._here)
        self._here = condition

    def conditions(self) -> list[str]:
        return [*(f"!({condition})" for condition in self._passed), self._here]
