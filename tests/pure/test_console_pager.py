"""Looking back through lines: moves stay within them, a search goes to what matches."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.console.pager import Pager
from fbuild_watch.errors import PatternTooSlow
from fbuild_watch.text import patterns

LINES = [f"line {number}" for number in range(100)]


def test_it_begins_at_the_end() -> None:
    assert Pager(LINES, 10).top == 90
    assert Pager(LINES[:5], 10).top == 0
    assert Pager([], 10).words == "0 of 0 lines"


def test_a_search_goes_to_the_newest_match_above_and_on_from_there() -> None:
    pager = Pager(LINES, 10)
    pager.search("[24]7$")
    assert (pager.found, pager.matches) == (47, {27: (5, 7), 47: (5, 7)})
    assert pager.top <= 47 < pager.top + 10
    assert pager.words.endswith("match 2 of 2: [24]7$")
    pager.next(-1)
    assert pager.found == 27
    pager.next(-1)
    assert pager.found == 47
    pager.next(1)
    assert pager.found == 27


def test_a_match_on_the_screen_moves_nothing() -> None:
    pager = Pager(LINES, 10)
    pager.search("95")
    assert (pager.top, pager.found) == (90, 95)


def test_what_matches_only_below_is_found_too() -> None:
    pager = Pager(LINES, 10)
    pager.go(0)
    pager.search("line 50")
    assert pager.found == 50


def test_nothing_matches() -> None:
    pager = Pager(LINES, 10)
    pager.search("nothing")
    assert "nothing matches" in pager.words
    pager.next(1)
    assert (pager.top, pager.found) == (90, None)
    pager.search("")
    assert pager.words == "100 of 100 lines"
    with pytest.raises(re.error):
        pager.search("(")


def test_a_search_that_takes_too_long_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "LIMIT_S", 0.05)
    pager = Pager([*LINES, "a" * 40 + "!"], 10)
    pager.search("95")
    with pytest.raises(PatternTooSlow):
        pager.search("(a|aa)+$")
    assert pager.words.endswith("match 1 of 1: 95")


@given(
    st.lists(st.sampled_from("ab"), max_size=50),
    st.integers(-5, 60),
    st.lists(st.tuples(st.sampled_from(["go", "resize", "search", "next"]), st.integers(-60, 60))),
)
def test_no_move_leaves_the_lines(
    lines: list[str], rows: int, moves: list[tuple[str, int]]
) -> None:
    pager = Pager(lines, rows)
    for move, number in moves:
        if move == "search":
            pager.search("a" if number % 2 else "")
        elif move == "next":
            pager.next(1 if number > 0 else -1)
        else:
            getattr(pager, move)(number)
        assert 0 <= pager.top <= max(0, len(lines) - 1)
        assert pager.top == 0 or pager.top + pager.rows <= len(lines)
        if pager.found is not None:
            assert lines[pager.found] == "a"
