"""The files that a linker script names (GNU ld's manual, "Commands Dealing with Files"). Pure.

A search for commands in the text, not a parser: a name too many costs a look at a file.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_NAME = r'(?:"[^"\n]+"|[^\s"(){},;]+)'
_INCLUDE = re.compile(rf"\bINCLUDE\s+(?P<name>{_NAME})")
_LIST = re.compile(r"\b(?:INPUT|GROUP|STARTUP)\s*\((?P<names>(?:[^()]|\([^()]*\))*)\)")
_FOLDER = re.compile(rf"\bSEARCH_DIR\s*\(\s*(?P<name>{_NAME})\s*\)")
_WORDS = re.compile(_NAME)
_AS_NEEDED = "AS_NEEDED"


class Named(NamedTuple):
    """Names as they stand in a script."""

    files: tuple[str, ...] = ()
    """Scripts and objects; `-lNAME` is a library."""
    folders: tuple[str, ...] = ()
    """More places to look for them."""


def read(text: str) -> Named:
    """What a script names. A text that is none names nothing, most often."""
    plain = _COMMENT.sub(" ", text)
    files = [match["name"] for match in _INCLUDE.finditer(plain)]
    for match in _LIST.finditer(plain):
        files += [name for name in _WORDS.findall(match["names"]) if name != _AS_NEEDED]
    folders = [match["name"] for match in _FOLDER.finditer(plain)]
    return Named(_unquoted(files), _unquoted(folders))


def _unquoted(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip('"') for name in names))
