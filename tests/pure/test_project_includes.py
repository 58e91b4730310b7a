"""What a source includes, held against tricky text, and conditions in three values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.project.conditions import defines, holds
from fbuild_watch.project.includes import Include, scan


def names(text: str) -> list[str]:
    return [include.name for include in scan(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('#include <a.h>\n  #  include "b/c.h"\t// x\n', ["a.h", "b/c.h"]),
        ("// #include <no.h>\n/*\n#include <no.h>\n*/ #include <yes.h>\n", ["yes.h"]),
        ('#/**/include/**/"a.h"\n%:include <b.h>\n#\\\ninclude <c.h>\n', ["a.h", "b.h", "c.h"]),
        ('const char *s = "/*"; // "\n#include <a.h>\nchar c = \'"\';\n#include <b.h>\n',
         ["a.h", "b.h"]),
        ('auto s = R"x(\n#include <no.h>\n)" )x";\n#include <yes.h>\n', ["yes.h"]),
        ("int n = 1'000;\n#include <a.h>\n", ["a.h"]),
        ("#include <a//b.h>\n#include <c/*d.h>\n#include <e.h>\n", ["a//b.h", "c/*d.h", "e.h"]),
        ("#include MACRO\n#include_next <n.h>\n#if __has_include(<h.h>)\n#endif\n", []),
        ("// a comment that goes on \\\n#include <no.h>\n#include <yes.h>", ["yes.h"]),
        ("#import <a.h>\r\n#include <b.h>\r\n", ["a.h", "b.h"]),
        ("#error don't /* do\n#include <a.h>\n*/\n#include <b.h>\n", ["b.h"]),
        ("include <a.h>\nx #include <b.h>\n", []),
    ],
)  # fmt: skip
def test_includes_as_the_preprocessor_s_lexer_sees_them(text: str, expected: list[str]) -> None:
    assert names(text) == expected


def test_each_include_has_the_conditions_around_it() -> None:
    text = """
    #ifndef GUARD_H
    #if A > 1 // one
    #include "a.h"
    #elif defined(B)
    #include <b.h>
    #else
    #include <c.h>
    #endif
    #endif
    #include <d.h>
    """
    guard = "!defined(GUARD_H)"
    assert scan(text) == (
        Include("a.h", True, (guard, "A > 1")),
        Include("b.h", False, (guard, "!(A > 1)", "defined(B)")),
        Include("c.h", False, (guard, "!(A > 1)", "!(defined(B))", "1")),
        Include("d.h", False),
    )


PIECES = st.sampled_from([
    ("int x;", ""), ("// #include <no.h>", ""), ("/* #include <no.h>\n*/", ""), ("'\"'", ""),
    ('"// /* #include <no.h>"', ""), ('R"q(\n#include <no.h>\n)" )q"', ""), ("'\\''", ""),
    ("// spliced \\\n#include <no.h>", ""), ('"a\\"b"', ""), ("a / b * c", ""), ("#define X", ""),
    ("#include <a.h>", "a.h"), ('#include "b c.h" // x', "b c.h"), ("/**/ # include <d//e.h>", "d//e.h"),
])  # fmt: skip


@given(st.lists(PIECES, max_size=12))
def test_pieces_do_not_hide_or_make_up_each_other_s_includes(pieces: list[tuple[str, str]]) -> None:
    text = "\n".join(piece for piece, _ in pieces)
    assert names(text) == [name for _, name in pieces if name]


@given(st.text(st.sampled_from("#include <>\"'/*\\\n()Rxa.h"), max_size=80))
def test_any_text_can_be_scanned(text: str) -> None:
    assert len(names(text)) <= text.count("include")


MACROS = {"ARDUINO_ARCH_AVR": "1", "VERSION": "(10819L)", "NAME": "text", "ZERO": "0"}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1", True), ("0", False), ("0x10 == 16", True), ("010 == 8", True), ("!0", True),
        ("defined(ARDUINO_ARCH_AVR)", True), ("defined ARDUINO_ARCH_AVR", True),
        ("defined(ARDUINO_ARCH_ESP32)", False), ("ARDUINO_ARCH_ESP32", False),
        ("defined(ESP32)", None), ("!defined(ESP32)", None),
        ("defined(ESP32) && defined(ARDUINO_ARCH_SAMD)", False),
        ("defined(ESP32) || defined(ARDUINO_ARCH_AVR)", True),
        ("defined(ESP32) || defined(ARDUINO_ARCH_SAMD)", None),
        ("VERSION >= 10000", True), ("VERSION < 100 || ZERO", False), ("NAME == 1", None),
        ("!(defined(ARDUINO_ARCH_AVR) && VERSION > 1)", False),
        ("__has_include(<x.h>)", None), ("1 ? 2 : 3", None), ("1 +", None), ("(1", None), ("", None),
    ],
)  # fmt: skip
def test_conditions_are_true_false_or_unknown(expression: str, value: bool | None) -> None:
    assert holds(expression, MACROS) is value


@given(st.text(st.sampled_from("definedAB01()!&|<>= "), max_size=30))
def test_any_expression_has_an_answer(expression: str) -> None:
    assert holds(expression, {"A": "1"}) in (True, False, None)


def test_macros_of_a_command_line() -> None:
    argv = ("cc", "-DA", "-DB=2", "-D", "C=x y", "-UA", "-DD", "file.c")
    assert defines(argv) == {"B": "2", "C": "x y", "D": "1"}
