"""What a typed line means, how text and notices look, what a frame holds."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.console.bar import KEYS, bar, with_keys
from fbuild_watch.console.commands import (
    COMMANDS,
    OTHER_KEYS,
    Local,
    Said,
    interpret,
    menu_names,
    run_command,
)
from fbuild_watch.console.help import help_screen, menu_line
from fbuild_watch.console.notices import notice_lines
from fbuild_watch.console.view import View
from fbuild_watch.model import Command, Notice, Status, Typed
from fbuild_watch.text.ansi import (
    RESET,
    only_colours,
    plain,
    visible,
    without_start,
    without_tabs,
)


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("help", Typed(b"help\r\n")),
        ("", Typed(b"\r\n")),
        (" :flash", Typed(b" :flash\r\n")),
        ("::flash", Typed(b":flash\r\n")),
        ("::", Typed(b":\r\n")),
        ("grün", Typed("grün\r\n".encode())),
        ("a\nb", Typed(b"a\r\nb\r\n")),
        ("a\nb\n", Typed(b"a\r\nb\r\n")),
        ("\udcff", Typed(b"\xff\r\n")),
        (":flash", Command("flash")),
        (":rebuild ", Command("rebuild")),
        (":reset", Command("reset")),
        (":quit", Command("quit")),
    ],
)
def test_what_enter_means(line: str, meaning: object) -> None:
    assert interpret(line, b"\r\n") == meaning


def test_the_line_ending_is_the_callers() -> None:
    assert interpret("x", b"\r") == Typed(b"x\r")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (":", ":help"),
        (":fash", ":flash"),
        (":fash", "::fash sends :fash"),
        (":flash now", ":flash takes no arguments"),
        (":baud fast", "a number"),
        (":baud 0", "a number"),
        (":dtr", "on, off"),
        (":timestamps sometimes", "absolute"),
        (":filter (", "a regular expression"),
        (":log onto", "on, on FILE, or off"),
        (":send", "xmodem"),
        (":send raw", None),
        (":sendhex 0", "in hex"),
        (":sendhex", "in hex"),
    ],
)
def test_a_slip_is_said_and_not_sent(line: str, says: str | None) -> None:
    said = interpret(line, b"\r\n")
    if says is None:
        assert said == Command("send", ("raw",))
        return
    assert isinstance(said, Said)
    assert said.bad
    assert says in said.text


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        (":baud 921600", Command("baud", ("921600",))),
        (":DTR on", None),
        (":rts OFF", Command("rts", ("off",))),
        (":send a b.bin", Command("send", ("a b.bin",))),
        (":send 'a xmodem' xmodem", Command("send", ("a xmodem", "xmodem"))),
        (":send log raw:0.05", Command("send", ("log", "raw:0.05"))),
        (":send  C:\\new\\app.bin raw ", Command("send", ("C:\\new\\app.bin", "raw"))),
        (":sendhex 0x00,FF:1b 31", Typed(b"\x00\xff\x1b1")),
        (":filter a  b|c", Local("filter", ("a  b|c",))),
        (":filter off", Local("filter", ("off",))),
        (":timestamps", Local("timestamps")),
        (":log on /tmp/x y", Local("log", ("on", "/tmp/x y"))),
        (":plot t  h", Local("plot", ("t", "h"))),
    ],
)
def test_arguments(line: str, meaning: object) -> None:
    if meaning is None:
        assert isinstance(interpret(line, b"\r\n"), Said)
    else:
        assert interpret(line, b"\r\n") == meaning


def test_help_is_one_screen_and_names_every_command() -> None:
    lines = help_screen(80).splitlines()
    assert len(lines) <= 22  # a terminal of 24 rows, less the line and the bar
    assert all(len(line) <= 80 for line in lines)
    assert all(any(f":{name} " in line for line in lines) for name in COMMANDS)
    assert all(len(line) <= 40 for line in help_screen(40).splitlines())


def test_every_key_is_one_commands_and_works_without_arguments() -> None:
    keys = [entry.key for entry in COMMANDS.values() if entry.key]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & set(OTHER_KEYS)
    for name in menu_names().values():
        assert not isinstance(run_command(name), Said)


def test_the_menu_is_as_long_as_the_row() -> None:
    assert menu_line(500).count("  ") == sum(bool(entry.key) for entry in COMMANDS.values())
    assert all(len(menu_line(columns)) <= columns for columns in range(30, 300))
    assert menu_line(80).startswith("h help  f flash  b rebuild")


def test_colours_stay_and_what_moves_the_cursor_goes() -> None:
    assert only_colours("\x1b[2J\x1b[1;31mred\x1b[K\x1b[3A") == f"\x1b[1;31mred{RESET}"
    assert only_colours(f"\x1b[31mred{RESET}") == f"\x1b[31mred{RESET}"
    assert only_colours("none") == "none"
    assert plain("\x1b[1;31mred\x1b[K") == "red"


@given(st.text())
def test_only_tabs_and_colours_act(text: str) -> None:
    drawn = plain(only_colours(text))
    assert not any(unicodedata.category(char) == "Cc" for char in drawn.replace("\t", ""))
    if drawn == text:
        assert only_colours(text) == visible(text) == text


@given(st.text("ab\t", max_size=30))
def test_blanks_for_tabs_are_as_many_as_a_terminal_draws(text: str) -> None:
    assert without_tabs(text) == text.expandtabs()
    assert without_tabs(f"\x1b[1m{text}{RESET}") == f"\x1b[1m{text.expandtabs()}{RESET}"


@given(st.lists(st.sampled_from(["a", "bc", "\x1b[1m", RESET]), max_size=9), st.integers(0, 20))
def test_a_start_is_cut_and_its_colours_stay(parts: list[str], count: int) -> None:
    text = "".join(parts)
    cut = without_start(text, count)
    assert plain(cut) == plain(text)[count:]
    assert cut.count("\x1b") == text.count("\x1b")


def test_notices() -> None:
    assert notice_lines(Notice("flashed")) == ["-- flashed --"]
    assert notice_lines(Notice("a.cpp:1: error\n  x")) == ["a.cpp:1: error", "  x"]


def test_fbuilds_words_have_the_colour_of_their_kind_unless_they_have_their_own() -> None:
    view = View(0.0, 0.0)
    assert view.notice(Notice("flashed", "good")) == [f"\x1b[32m-- flashed --{RESET}"]
    own = "\x1b[35mown\x1b[0m"
    assert view.notice(Notice(f"{own}\nnone", "bad")) == [own, f"\x1b[31mnone{RESET}"]
    view.colours = False
    assert view.notice(Notice("flashed", "good")) == ["-- flashed --"]


@pytest.mark.parametrize("columns", [0, 10, 25, 40, 60, 80, 120, 300])
def test_the_bar_is_one_row_with_the_most_needed_first(columns: int) -> None:
    status = Status("idle | board 1f3a", "ESP32-C3", "/dev/ttyUSB0", 115200, 0.41, 2)
    row = bar(status, columns, "filter x")
    assert len(row) == columns
    parts = [
        "filter x",
        "idle | board 1f3a",
        "2 errors",
        "0.41 s",
        "/dev/ttyUSB0 115200",
        "ESP32-C3",
    ]
    shown = [part for part in parts if part in row]
    assert shown == parts[: len(shown)]
    assert (KEYS in row) == (columns >= len(KEYS))
    assert columns < 120 or shown == parts


@given(st.text("abc ", max_size=60), st.integers(20, 90))
def test_a_full_screens_bar_always_says_how_to_leave_it(said: str, columns: int) -> None:
    keys = ("q back", "space pause", "+ - time", "e CSV")
    row = with_keys(said, keys, columns)
    assert len(row) <= columns
    text, _, shown = row.rpartition("   q back")
    assert text == said or (text.endswith("…") and len(row) == columns and not shown)
    left = [key for key in keys[1:] if key not in shown]
    if text == said and left:
        assert len(row) + min(2 + len(key) for key in left) > columns


def test_a_bar_of_a_console_that_knows_little() -> None:
    assert bar(Status(""), 80).split() == KEYS.split()
    assert "error" not in bar(Status("console", port="COM3", baud=9600), 120)
