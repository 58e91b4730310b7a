"""What the types of a request do not say of its values. Pure.

Rules
- No text holds a NUL: the system takes none, in a path or elsewhere.
- Paths are absolute (`messages.py`).
- A variable has a name that an environment can have.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import msgspec
from msgspec import Struct

_PATHS = ("project", "file")


def problem(params: Struct, raw: bytes) -> str:
    """What is wrong, in words; empty: nothing. `raw` is what they were read from."""
    if b"\\u0000" in raw and _holds_nul(msgspec.to_builtins(params)):
        return "a text holds a NUL"
    for path in _paths(params):
        if not PurePath(path).is_absolute():
            return f"{path!r} is no absolute path"
    for name in getattr(params, "variables", ()):
        if not name or "=" in name:
            return f"{name!r} is no name of a variable"
    return ""


def shown(name: str) -> str:
    """A name that a client gives itself, as any terminal may show it: one line, and not too long."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:200])


def _paths(params: Struct) -> Iterator[str]:
    yield from (path for name in _PATHS if (path := getattr(params, name, None)) is not None)
    for placed in getattr(params, "images", ()):
        _offset, equals, path = placed.partition("=")
        if equals and path:  # of another one it is said what it should be, by who reads it
            yield path


def _holds_nul(value: object) -> bool:
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(map(_holds_nul, (*value, *value.values())))
        case list():
            return any(map(_holds_nul, value))
    return False
