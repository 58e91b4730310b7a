"""What a unit reads or asks for, and no depfile says: `__has_include`, `.incbin`, `.include`. Pure.

A search in the text, not a preprocessor: what stands in a comment or under a false `#if` is found
too, and costs a compile for nothing. A name that a macro makes is not seen here, only that there is
one: then `__has_include` may ask for anything, and the preprocessor is asked what the assembler
copies (`in_preprocessed`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_ASKS = re.compile(
    rb"__has_(?:include(?:_next)?|embed)(?:__)?\b"
    rb'(?:\s*\(\s*(?:"(?P<quoted>[^"\n]+)"|<(?P<system>[^>\n]+)>))?'
)
_ASKS_WHETHER_IT_CAN = re.compile(rb"(?:defined\s*\(?|#\s*el?ifn?def|#\s*ifn?def)\s*\Z")
_LONGEST_BEFORE = 40
"""Bytes before a `__has_include` in which `defined (` or `#ifdef` stands."""
_COPIES = re.compile(
    rb"(?:(?<![\w)\]>])|(?<=\\[nt]))\.(?:incbin|include)\b"
    rb'(?:\s*(?:\\"(?P<escaped>[^"\\\n]+)\\"|"(?P<plain>[^"\\\n]+)"))?'
)
_LITERAL = re.compile(
    rb'R"(?P<mark>[^()\\\s]{0,16})\((?P<raw>.*?)\)(?P=mark)"|"(?P<plain>(?:[^"\\\n]|\\.)*)"',
    re.DOTALL,
)
_WITH_A_FILE = ("-o", "-MF", "-MT", "-MQ")
_ASSEMBLER = (".s", ".sx", ".asm")


class Unlisted(NamedTuple):
    """Names as they stand in one file."""

    asked: tuple[str, ...] = ()
    """What `__has_include` looks for: whether it is there, not what it holds, is read."""
    asks_anything: bool = False
    """Whether one of these names is made by a macro."""
    copied: tuple[str, ...] = ()
    """What the assembler copies into the object, or reads."""
    copies_anything: bool = False
    """Whether one of these names is made by a macro."""

    @property
    def copies(self) -> bool:
        """Whether the assembler reads more than this file."""
        return bool(self.copied) or self.copies_anything


def scan(data: bytes) -> Unlisted:
    """The unlisted names in a source, a header or an assembler's file."""
    asked, asks_anything = _asked(data) if b"__has_" in data else ((), False)
    if b".inc" not in data:
        return Unlisted(asked, asks_anything)
    copied, copies_anything = _copied(data)
    joined, makes_a_name = _copied(_literals(data))
    copied = tuple(dict.fromkeys((*copied, *joined)))
    return Unlisted(asked, asks_anything, copied, copies_anything or makes_a_name)


def in_preprocessed(data: bytes, source: str) -> tuple[str, ...] | None:
    """What the assembler reads for a preprocessed source; None: not to be known.

    In C the assembler's words are string literals, which the compiler joins.
    """
    if source.lower().endswith(_ASSEMBLER):
        found, unknown = _copied(data)
    else:
        found, unknown = _copied(_literals(data))
    return None if unknown else found


def preprocessing(argv: Iterable[str]) -> Iterator[str]:
    """The command that only preprocesses, to standard output and without a depfile."""
    words = iter(argv)
    for word in words:
        if word in _WITH_A_FILE:
            next(words, None)
        elif word != "-c" and not word.startswith("-M"):
            yield word
    yield from ("-E", "-P")


def _asked(data: bytes) -> tuple[tuple[str, ...], bool]:
    names: dict[str, None] = {}
    anything = False
    for match in _ASKS.finditer(data):
        name = match["quoted"] or match["system"]
        before = data[max(0, match.start() - _LONGEST_BEFORE) : match.start()]
        if name:
            names[_text(name)] = None
        elif not _ASKS_WHETHER_IT_CAN.search(before):
            anything = True
    return tuple(names), anything


def _copied(data: bytes) -> tuple[tuple[str, ...], bool]:
    found = [match["escaped"] or match["plain"] for match in _COPIES.finditer(data)]
    return tuple(dict.fromkeys(_text(name) for name in found if name)), None in found


def _literals(data: bytes) -> bytes:
    """What the string literals of a text say: those beside each other joined, else on a new line."""
    pieces, end = [], 0
    for match in _LITERAL.finditer(data):
        pieces.append(b"\n" if data[end : match.start()].strip() else b"")
        pieces.append(match["raw"] or match["plain"] or b"")
        end = match.end()
    return b"".join(pieces)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
