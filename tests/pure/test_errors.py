"""Every error has a code and an exit code of its own, and the documentation names them all."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from fbuild_watch import errors
from fbuild_watch.errors import FbuildError

TABLE = Path(__file__).parents[2] / "docs" / "exit-codes.md"


def leaves(kind: type[FbuildError] = FbuildError) -> list[type[FbuildError]]:
    """The errors that are raised: those with a constructor of their own, or without children."""
    below = [leaf for child in kind.__subclasses__() for leaf in leaves(child)]
    return below or [kind]


@pytest.mark.parametrize("kind", leaves())
def test_the_table_has_the_error(kind: type[FbuildError]) -> None:
    row = re.search(rf"^\| (\d+) \| `{re.escape(kind.code)}` \|", TABLE.read_text(), re.MULTILINE)
    assert row, f"{kind.__name__} ({kind.code}) is not in {TABLE.name}"
    assert int(row[1]) == kind.exit_code


def test_the_table_has_nothing_else() -> None:
    documented = set(re.findall(r"^\| \d+ \| `([^`]+)` \|", TABLE.read_text(), re.MULTILINE))
    assert documented == {kind.code for kind in leaves()}


def test_codes_and_exit_codes_are_unique() -> None:
    assert len({kind.code for kind in leaves()}) == len(leaves())
    assert len({kind.exit_code for kind in leaves()}) == len(leaves())


def test_the_tree_in_the_docstring_names_every_class() -> None:
    classes = [
        name
        for name, value in inspect.getmembers(errors, inspect.isclass)
        if issubclass(value, FbuildError)
    ]
    missing = [name for name in classes if name not in (errors.__doc__ or "")]
    assert not missing


def test_the_values_are_fields() -> None:
    error = errors.PortBusy("/dev/ttyUSB0", 4711, "minicom")
    assert error.fields() == {"port": "/dev/ttyUSB0", "pid": 4711, "command": "minicom"}
    assert (error.pid, error.command) == (4711, "minicom")
    assert "4711" in str(error)
    assert "minicom" in str(error)
    assert error.hint


@pytest.mark.parametrize(
    "words",
    ["a.c:1:9: fatal error: Foo/x.h: No such file or directory\n",
     "a.c:1:10: fatal error: 'Foo/x.h' file not found\n"],
)  # fmt: skip
def test_a_header_that_nothing_has_is_in_the_hint(words: str) -> None:
    assert "nothing here has Foo/x.h: " in errors.CompileFailed(["a.c"], words).hint
    assert "nothing here" not in errors.CompileFailed(["a.c"], "a.c:1: error: no\n").hint
