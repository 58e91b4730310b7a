"""What a unit reads or asks for, and no depfile says: `.incbin`, `__has_include`. Pure.

A search in the text, not a preprocessor: what stands in a comment or under a false `#if` is found
too, and costs a compile for nothing. Names that a macro makes are not seen.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_ASKED = re.compile(rb'__has_include(?:_next)?\s*\(\s*(?:"([^"\n]+)"|<([^>\n]+)>)')
_EMBEDDED = re.compile(rb'\.incbin\b(?:\s*\\?"([^"\\\n]+))?')


class Unlisted(NamedTuple):
    """Names as they stand in one file."""

    asked: tuple[str, ...] = ()
    """What `__has_include` looks for: whether it is there, not what it holds, is read."""
    embedded: tuple[str, ...] = ()
    """What the assembler copies into the object; "" stands for a name that cannot be read."""


def scan(data: bytes) -> Unlisted:
    """The unlisted names in a source, a header or an assembler's file."""
    asked = _ASKED.findall(data) if b"__has_include" in data else ()
    embedded = _EMBEDDED.findall(data) if b".incbin" in data else ()
    return Unlisted(
        tuple(dict.fromkeys(_text(quoted or system) for quoted, system in asked)),
        tuple(dict.fromkeys(map(_text, embedded))),
    )


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
