"""A person's regular expressions: what `re` makes of them, and an end to every search."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fbuild_watch.errors import PatternTooSlow
from fbuild_watch.text import patterns

PIECES = [
    "a", "b", "ab", ".", "^", "$", "(?:", "(", ")", "|", "*", "+", "?", "*?", "??", "*+", "{2}", "{,3}",
    "{1,}", "{,}", "{}", "{e}", "{e<=1}", "{2, 3}", "[ab]", "[^a]", "[a{e}]", "[]a]", r"\b", r"\w", r"\d",
    r"\S", r"\A", r"\Z", "(?i)", "(?m)^", "(?!a)", "(?=b)", "(?<=b)", r"\1", "(?P<n>a)", "(?P=n)", "{", "}",
    r"\{e}", r"\\", "(?>a+)", "(?(1)a|b)", "(?s:.)", r"\h", r"\p{L}", "(?R)", "(?e)",
]  # fmt: skip

ENDLESS = [
    (r"(a|aa)+$", "a" * 60 + "!"),
    (r"(a+)+$", "a" * 4000 + "!"),
    (r"(?:a|a?)+$", "a" * 4000 + "!"),
    (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 4000),
    (r"(\w+\s?)*$!", "ab " * 1000 + "!"),
]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "LIMIT_S", 0.05)


@given(
    st.lists(st.sampled_from(PIECES), max_size=7), st.text("aab{}e1 \nA", min_size=1, max_size=9)
)
@example(["x{e}"], "x{d} x{e}")
def test_it_is_what_re_makes_of_it(pieces: list[str], line: str) -> None:
    text = "".join(pieces)
    try:
        expected = re.compile(text)
    except re.error as error:
        with pytest.raises(re.error, match=re.escape(str(error))):
            patterns.compile(text, "")
        return
    pattern = patterns.compile(text, "")
    ours, theirs = pattern.search(line), expected.search(line)
    assert (ours and ours.regs) == (theirs and theirs.regs)
    assert pattern.span(line) == (theirs and theirs.span())
    assert pattern.spans(line) == [match.span() for match in expected.finditer(line)]


def test_a_search_can_begin_later() -> None:
    found = patterns.compile("^a|b", "").search("ab ab", 2)
    assert found
    assert found.span() == (4, 5)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a(b", "position 1"),
        ("x\n(", "line 2, column 1"),
        ("(" * 900 + ")" * 900, "too deeply"),
        ("a{99999999999}", "too large"),
        (f"a{{{'9' * 5000}}}", "too large"),
        ("((((a{100}){100}){100}){100})", "multiply"),
        ("(?:ab|c){9999}", "multiply"),
        ("[a--b]", "bad character range"),
    ],
)
def test_one_that_is_none_is_refused_at_once(text: str, reason: str) -> None:
    began = time.process_time()
    with pytest.raises(re.error, match=reason):
        patterns.compile(text, "")
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("text", ["[[a]", "[a&&b]", "[a||b]", "[[:alpha:]]"])
def test_what_python_warns_of_is_no_concern_of_a_person(text: str) -> None:
    assert patterns.compile(text, "").pattern == text


def test_long_ones_and_counts_are_no_harm() -> None:
    for text in (
        "[a-z]" * 3000,
        "(?:[0-9a-f]{2} ){16}",
        "a{20000}",
        "(?x) a # ((( {9} \n",
        r"(\d{1,3}\.){3}",
    ):
        patterns.compile(text, "")


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(("text", "line"), ENDLESS, ids=[text for text, _ in ENDLESS])
def test_no_search_goes_on_for_ever(text: str, line: str) -> None:
    pattern = patterns.compile(text, ":filter")
    for search in (pattern.search, pattern.span, pattern.spans):
        pattern.renew()
        began = time.process_time()
        with pytest.raises(PatternTooSlow) as caught:
            search(line)
        assert time.process_time() - began < 2
        assert caught.value.fields() == {
            "what": ":filter", "pattern": text, "line": line, "seconds": 0.05,
        }  # fmt: skip
        assert f":filter {text!r}" in str(caught.value)
        assert len(str(caught.value)) < 200
        assert caught.value.hint


@pytest.mark.usefixtures("short")
def test_many_lines_that_are_quick_are_no_fault_of_a_pattern() -> None:
    pattern = patterns.compile("[24]7$", "/")
    for number in range(20_000):
        assert bool(pattern.span(f"line {number}")) == (number % 100 in (27, 47))


@pytest.mark.usefixtures("short")
def test_the_lines_of_a_frame_share_the_time_and_a_search_has_all_of_it() -> None:
    pattern = patterns.compile(*ENDLESS[0])
    for _ in range(2):
        with pytest.raises(PatternTooSlow):
            pattern.span(ENDLESS[0][1])
    assert pattern.search("aaa")
    pattern.renew()
    assert pattern.span("aaa") == (0, 3)
