"""What a session draws: frames, filter and hex view and back, times, colours, bounds."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.console.backlog import Backlog
from fbuild_watch.console.commands import Meaning, interpret
from fbuild_watch.console.local import do
from fbuild_watch.console.scrollback import Line, Scrollback
from fbuild_watch.console.session import MOST_LINES, Clocks, Session
from fbuild_watch.model import (
    Command,
    ConsoleInput,
    ConsoleItem,
    DeviceBytes,
    DeviceText,
    Notice,
    Status,
    Typed,
)
from fbuild_watch.text import patterns
from fbuild_watch.text.ansi import RESET, only_colours, plain


class Desk:
    """A session whose clock stands at 100 until it is set, with what it gave."""

    def __init__(self) -> None:
        self.now = 100.0
        self.given: list[ConsoleInput] = []
        self.session = Session(Clocks(lambda: self.now, 0.0), self.given.append)

    def hear(self, *items: ConsoleItem) -> None:
        for item in items:
            self.session.backlog.add(item)

    def type(self, line: str) -> None:
        do(self.session, meaning(self.session, line))

    def lines(self) -> list[str]:
        return [plain(line) for line in self.session.frame().lines]


def meaning(session: Session, line: str) -> Meaning:
    return interpret(line, session.eol, session.plugins.entries)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def line(text: str, at: float = 0.0) -> DeviceText:
    return DeviceText(text, complete=True, at=at)


def part(text: str, at: float = 0.0) -> DeviceText:
    return DeviceText(text, complete=False, at=at)


def numbered(start: int, end: int) -> list[DeviceText]:
    return [line(f"line {number}") for number in range(start, end)]


def test_a_frame_has_whole_lines_and_the_tail(desk: Desk) -> None:
    desk.hear(line("one"), part(">>"), part("> "), Status("idle"))
    frame = desk.session.frame()
    assert (frame.lines, frame.tail, desk.session.status) == (["one"], ">>> ", Status("idle"))
    desk.hear(line("help"))
    frame = desk.session.frame()
    assert (frame.lines, frame.tail) == ([">>> help"], "")


def test_too_many_lines_keep_the_newest_and_what_fbuild_says(desk: Desk) -> None:
    desk.hear(*numbered(0, 10), Notice("flashed"), *numbered(10, MOST_LINES + 1500))
    lines = desk.lines()
    assert lines[0] == "-- 1,500 lines came too fast and are not shown --"
    assert lines[1] == "-- flashed --"
    assert lines[2:] == [f"line {number}" for number in range(1500, MOST_LINES + 1500)]
    assert desk.lines() == []


def test_a_backlog_is_bounded_counts_what_goes_and_keeps_notices() -> None:
    backlog = Backlog(limit=10_000)
    backlog.add(Notice("flashed"))
    for number in range(1000):
        backlog.add(line(str(number)))
    items, lost = backlog.take()
    assert items[0] == Notice("flashed")
    assert items[-1] == line("999")
    assert lost == 1001 - len(items) > 500
    assert backlog.take() == ([], 0)


@given(st.lists(st.integers(0, 30)), st.integers(1, 10), st.integers(1, 60))
def test_a_scrollback_keeps_the_newest_lines_within_its_bounds(
    lengths: list[int], most_lines: int, most_chars: int
) -> None:
    scrollback = Scrollback(most_lines, most_chars)
    for number, length in enumerate(lengths):
        scrollback.add(Line("x" * length, number))
    kept = scrollback.since(0)
    assert scrollback.end == len(lengths)
    assert [int(line.at) for line in kept] == list(range(scrollback.start, scrollback.end))
    assert len(kept) <= most_lines
    assert sum(len(line.text) for line in kept) <= most_chars
    more = lengths[scrollback.start - 1 :] if scrollback.start else []
    assert not more or len(more) > most_lines or sum(more) > most_chars
    for number in range(len(lengths) + 1):
        assert scrollback.since(number) == [line for line in kept if line.at >= number]


def test_a_filter_shows_what_matches_and_gives_the_rest_back(desk: Desk) -> None:
    desk.hear(*numbered(0, 5))
    desk.lines()
    desk.type(":filter [24]")
    assert desk.lines() == ["-- filter [24]: 2 of 5 lines match so far --", "line 2", "line 4"]
    desk.hear(*numbered(10, 15), Notice("flashed"))
    assert desk.lines() == ["line 12", "line 14", "-- flashed --"]
    desk.type(":filter off")
    assert desk.lines() == [
        "-- filter off; what came since, with what it hid, follows --",
        *(f"line {number}" for number in range(10, 15)),
        "-- flashed --",
    ]
    desk.type(":filter")
    assert desk.lines() == ["-- there is no filter --"]


def test_a_filter_looks_past_colours(desk: Desk) -> None:
    desk.type(":filter ^red line$")
    desk.lines()
    desk.hear(line("\x1b[31mred\x1b[0m line"), line("a red line"))
    assert desk.lines() == ["red line"]


ENDLESS, LINE = "(a|aa)+$", "a" * 40 + "!"


def test_a_filter_that_takes_too_long_is_off_and_hides_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patterns, "LIMIT_S", 0.05)
    desk.type(f":filter {ENDLESS}")
    desk.hear(line("hidden"))
    assert desk.lines() == [f"-- filter {ENDLESS}: 0 of 0 lines match so far --"]
    desk.hear(line("aaa"), line("hidden too"), line(LINE), line("after"))
    said, *lines = desk.lines()
    assert f":filter '{ENDLESS}'" in said
    assert f"'{LINE}'" in said
    assert "the filter is off" in said
    assert lines == ["aaa", "hidden too", LINE, "after"]
    assert desk.session.view.words == ""
    desk.type(f":filter {ENDLESS}")
    [said] = desk.lines()
    assert "the filter is off" in said
    desk.hear(line("later"))
    assert desk.lines() == ["later"]


def test_a_highlight_that_takes_too_long_is_given_up_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patterns, "LIMIT_S", 0.05)
    desk.type(":highlight after")
    desk.type(f":highlight {ENDLESS}")
    desk.lines()
    desk.hear(line(LINE), line("after"))
    said, unpainted, painted = desk.session.frame().lines
    assert f":highlight '{ENDLESS}'" in said
    assert unpainted == LINE
    assert painted == f"\x1b[30;43mafter{RESET}"
    desk.hear(line(LINE))
    assert desk.session.frame().lines == [LINE]


def test_the_hex_view_shows_bytes_and_gives_the_text_back(desk: Desk) -> None:
    desk.hear(DeviceBytes(b"before\r\n", 1.0), line("before", 1.0))
    desk.lines()
    desk.type(":hex")
    desk.hear(DeviceBytes(b"hello", 2.0), part("hello", 2.0))
    frame = desk.session.frame()
    assert plain(frame.lines[0]) == "-- hex view --"
    assert frame.tail == "00000000  68 65 6c 6c 6f                                    |hello|"
    desk.hear(DeviceBytes(bytes(range(12)), 2.01), line("...", 2.0))
    frame = desk.session.frame()
    assert [plain(text) for text in frame.lines] == [
        "00000000  68 65 6c 6c 6f 00 01 02  03 04 05 06 07 08 09 0a  |hello...........|"
    ]
    assert frame.tail.startswith("00000010  0b")
    desk.hear(DeviceBytes(b"later", 3.0))
    assert desk.lines()[0].startswith("00000010  0b ")
    desk.type(":hex off")
    assert desk.lines()[1:] == ["hello..."]
    desk.type(":hex off")
    assert desk.lines() == ["-- the hex view is off already --"]


@given(st.binary(max_size=100), st.lists(st.integers(0, 100)))
def test_the_hex_view_is_the_same_however_the_bytes_came(data: bytes, cuts: list[int]) -> None:
    desk = Desk()
    desk.type(":hex on")
    desk.lines()
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in itertools.pairwise(edges):
        desk.hear(DeviceBytes(data[start:end], 1.0))
    desk.session.frame()
    desk.session.show_bytes(False)
    desk.session.show_bytes(True)
    rows = [row.text for row in desk.session.scrollback.since(0) if row.kind == "hex"]
    shown = "".join(row[10:58] for row in rows)
    assert bytes.fromhex(shown) == data


def test_times(desk: Desk) -> None:
    desk.type(":timestamps relative")
    desk.hear(line("a", 101.5), part("b", 102.0), line("c", 103.0))
    assert desk.lines()[1:] == ["      1.500 a", "      2.000 bc"]
    desk.type(":timestamps delta")
    desk.hear(line("d", 103.0))
    assert desk.lines()[1:] == ["   +1.000 d"]
    desk.type(":timestamps absolute")
    desk.hear(line("e", 59.9999))
    assert desk.lines()[1].endswith(":01:00.000 e")
    for mode in ("relative", "delta", "off"):
        desk.type(":timestamps")
        assert desk.lines() == [f"-- timestamps: {mode} --"]


def test_levels_are_coloured_unless_the_board_does(desk: Desk) -> None:
    desk.hear(
        line("E (12) app: no"),
        line("[   12][W][main.cpp:3] setup(): hm"),
        line("\x1b[32mI (1) a: b\x1b[0m"),
        line("Error (1) of ours"),
    )
    assert desk.session.frame().lines == [
        f"\x1b[31mE (12) app: no{RESET}",
        f"\x1b[33m[   12][W][main.cpp:3] setup(): hm{RESET}",
        f"\x1b[32mI (1) a: b{RESET}",
        "Error (1) of ours",
    ]


def test_without_colours_only_the_boards_own_and_highlights_are_there(desk: Desk) -> None:
    desk.session.view.colours = False
    desk.type(":timestamps relative")
    desk.type(":highlight own")
    desk.session.frame()
    desk.hear(line("E (12) app: no", 101.0), line("\x1b[35mown\x1b[0m", 102.0), Notice("x", "bad"))
    first, second, third = desk.session.frame().lines
    assert first == "      1.000 E (12) app: no"
    assert "\x1b[35m" in second
    assert "\x1b[30;43m" in second
    assert third == "      0.000 -- x --"


def test_highlights_mark_within_colours_and_change_no_text(desk: Desk) -> None:
    desk.type(":highlight b.")
    desk.type(":highlight d")
    desk.lines()
    desk.hear(line("a\x1b[31mbcd\x1b[0mb"), line("none"))
    marked, none = desk.session.frame().lines
    first, second = "\x1b[30;43m", "\x1b[30;46m"
    assert marked == f"a\x1b[31m{first}bc{second}d\x1b[0m{second}{RESET}b{RESET}"
    assert none == "none"
    desk.type(":highlight off")
    desk.hear(line("bcd"))
    assert desk.session.frame().lines[-1] == "bcd"


@given(st.text("ab\x1b[31m0; ", max_size=40), st.sampled_from(["a", "b+", "", "a|3", "."]))
def test_a_highlight_never_changes_what_is_read(text: str, pattern: str) -> None:
    desk = Desk()
    desk.type(f":highlight {pattern}")
    desk.lines()
    desk.hear(line(text))
    [drawn] = desk.session.frame().lines
    read = plain(only_colours(text))
    assert plain(drawn) == read
    assert ("\x1b[30;43m" in drawn) == any(map(len, re.findall(pattern, read)))


def test_clear_forgets_and_says_so_once(desk: Desk) -> None:
    desk.hear(line("old"))
    desk.session.take_in()
    desk.type(":clear")
    assert desk.session.frame().clear
    assert desk.session.scrollback.since(0) == []
    desk.hear(line("new"))
    frame = desk.session.frame()
    assert (frame.lines, frame.clear) == (["new"], False)


def test_no_filter_is_said_whatever_is_asked_of_it(desk: Desk) -> None:
    desk.type(":filter")
    desk.type(":filter off")
    assert desk.lines() == ["-- there is no filter --"] * 2


def test_no_word_but_the_boards_colours_acts_on_the_terminal(desk: Desk) -> None:
    desk.type(":echo on")
    desk.type(":sendhex 1b 63 1b 5b 32 4a 9b")
    desk.hear(Notice("no file a\x1bc\x1b[2J\x07.bin", "bad"))
    desk.hear(Notice("\x1b[31merror\x1b[0m: compiled", "bad"))
    frame = desk.session.frame()
    assert "\\x1bc\\x1b[2J\\x9b" in frame.lines[-3]
    assert "a\\x1bc\\x07.bin" in frame.lines[-2]
    assert "\x1b[31merror\x1b[0m: compiled" in frame.lines[-1]
    assert not any(plain(line).count("\x1b") for line in frame.lines)


def test_a_tail_has_blanks_for_its_tabs(desk: Desk) -> None:
    desk.hear(DeviceText("\x1b[1mabc\x1b[0m\tx\t> ", complete=False, at=0.0))
    assert plain(desk.session.frame().tail) == "abc     x       > "


def test_echo_shows_what_is_sent(desk: Desk) -> None:
    desk.type(":echo on")
    desk.type("led on")
    assert desk.lines()[1:] == ["led on"]
    assert desk.given == [Typed(b"led on\r\n")]


def test_a_file_is_named_from_here(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.chdir(str(tmp_path))
    desk.type(":send app.bin raw")
    assert desk.given == [Command("send", (f"{tmp_path}/app.bin", "raw"))]


def test_quit_ends_it(desk: Desk) -> None:
    desk.type(":quit")
    assert desk.session.face is None
    assert desk.given == [Command("quit")]
