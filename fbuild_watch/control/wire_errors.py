"""An error over the wire and back: the same class, code, fields, words and hint. Pure.

An error of a newer version, whose code is not known here, arrives as the base of the tree with its
own code, exit code and words.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import msgspec

from fbuild_watch import errors
from fbuild_watch.errors import FbuildError


class WireError(msgspec.Struct, frozen=True):
    """What travels: the `data` of a JSON-RPC error."""

    code: str
    message: str
    hint: str = ""
    exit_code: int = 1
    fields: dict[str, Any] = {}


def to_wire(error: FbuildError) -> WireError:
    """`error` as it travels. Values that JSON does not have travel as text."""
    fields = {name: _plain(value) for name, value in error.fields().items()}
    return WireError(error.code, str(error), error.hint, error.exit_code, fields)


def from_wire(wire: WireError) -> FbuildError:
    """The error that was raised on the other side."""
    kind = _KINDS.get(wire.code, FbuildError)
    error = kind.__new__(kind)
    safe = {name: value for name, value in wire.fields.items() if name.isidentifier()}
    reserved = safe.keys() & _RESERVED
    FbuildError.__init__(
        error,
        wire.message,
        hint=wire.hint,
        **{name: value for name, value in safe.items() if name not in reserved},
    )
    if kind is FbuildError:
        vars(error).update(code=wire.code, exit_code=wire.exit_code)
    return error


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | float | str | None):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    return str(value) if isinstance(value, PurePath) else repr(value)


def _all(kind: type[FbuildError]) -> Iterator[type[FbuildError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _all(child)


_KINDS = {
    kind.code: kind for kind in _all(FbuildError) if kind.__module__.startswith(errors.__name__)
}
_RESERVED = frozenset(dir(FbuildError)) | {"self", "message", "hint", "_fields"}
"""Names that a field from the wire must not lay over: methods, and what makes an error."""
