"""Every error of the tree over the wire and back: the same class, code, fields, words and hint."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fbuild_watch.control.wire_errors import WireError, from_wire, to_wire
from fbuild_watch.errors import FbuildError
from tests.pure.test_errors import leaves

SAMPLES: dict[str, Any] = {
    "int": 3, "bool": True, "float": 1.5, "str": "text", "list[str]": ["a", "b"],
    "list[int]": [1], "Path": Path("/a"),
}  # fmt: skip


def sample(kind: type[FbuildError]) -> FbuildError:
    """An error of this class, with a value of the right type for each parameter."""
    values: list[Any] = []
    names: dict[str, Any] = {}
    for parameter in inspect.signature(kind).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            continue
        value = SAMPLES.get(str(parameter.annotation).split(" |")[0], "text")
        if parameter.kind is parameter.KEYWORD_ONLY:
            names[parameter.name] = value
        else:
            values.append(value)
    return kind(*values, **names)


def across(error: FbuildError) -> FbuildError:
    return from_wire(msgspec.json.decode(msgspec.json.encode(to_wire(error)), type=WireError))


@pytest.mark.parametrize("kind", leaves())
def test_there_and_back(kind: type[FbuildError]) -> None:
    error = sample(kind)
    back = across(error)
    assert (type(back).code, back.exit_code) == (error.code, error.exit_code)
    assert isinstance(error, type(back))
    assert (str(back), back.hint) == (str(error), error.hint)
    assert back.fields() == msgspec.json.decode(msgspec.json.encode(to_wire(error).fields))
    for name, value in back.fields().items():
        assert getattr(back, name) == value


def test_an_error_of_a_newer_version_keeps_its_code() -> None:
    back = from_wire(WireError("on-fire", "the board burns", "unplug it", 99, {"port": "x"}))
    assert type(back) is FbuildError
    assert (back.code, back.exit_code, str(back)) == ("on-fire", 99, "the board burns")


def test_a_field_cannot_take_the_place_of_what_makes_an_error() -> None:
    bad = {
        "message": "m",
        "self": 1,
        "hint": "h",
        "fields": 2,
        "_fields": 3,
        "__class__": 4,
        "a b": 5,
    }
    back = from_wire(WireError("port-busy", "words", "a hint", 43, {**bad, "pid": 6}))
    assert (str(back), back.hint, back.fields()) == ("words", "a hint", {"pid": 6})
