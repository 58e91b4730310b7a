"""What a program's `expect` makes of lines: its own pattern as it is, a string's within a limit."""

from __future__ import annotations

import re

import pytest

from fbuild_watch.api import reading
from fbuild_watch.api.exchange import Wire
from fbuild_watch.api.reading import Reading
from fbuild_watch.control import protocol
from fbuild_watch.control.messages import AttachAsked
from fbuild_watch.control.news import StreamItem, Text
from fbuild_watch.errors import PatternTooSlow
from fbuild_watch.text import patterns
from fbuild_watch.text.patterns import Match

ENDLESS, LINE = "(a|aa)+$", "a" * 40 + "!"


def expected(pattern: str | re.Pattern[str], *lines: str) -> Match:
    said = [StreamItem(1, Text(line, complete=True, at=0.0)) for line in lines]
    asked = Reading(AttachAsked("", "/p", None, None), reading.ignore)
    exchange = asked.expect(Wire(), reading.compiled(pattern))
    assert next(exchange) is None
    with pytest.raises(StopIteration) as found:
        exchange.send(b"".join(map(protocol.write_notice, said)))
    match: Match = found.value.value
    return match


def test_a_string_and_a_compiled_pattern_find_the_same() -> None:
    for pattern in (r"ip=(\S+)", re.compile(r"ip=(\S+)")):
        match = expected(pattern, "boot", "ip=10.0.0.7 up")
        assert (match[1], match.span()) == ("10.0.0.7", (0, 11))
    assert isinstance(expected(re.compile("a"), "a"), re.Match)


def test_a_string_that_takes_too_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "LIMIT_S", 0.05)
    with pytest.raises(PatternTooSlow, match=r"expect '\(a\|aa\)\+\$'"):
        expected(ENDLESS, "boot", LINE)


def test_one_that_is_none_is_an_error_of_re_before_anything_is_read() -> None:
    with pytest.raises(re.error, match="position 0"):
        reading.compiled("(")
