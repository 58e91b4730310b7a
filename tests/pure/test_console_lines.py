"""What a typed line means, how text and notices look, what a frame holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.console.ansi import RESET, only_colours, plain
from fbuild_watch.console.backlog import MOST_LINES, Backlog
from fbuild_watch.console.commands import COMMANDS, Said, interpret, run_command
from fbuild_watch.console.notices import coloured_lines, notice_lines
from fbuild_watch.model import Command, DeviceText, Notice, Status, Typed


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


@pytest.mark.parametrize("line", [":", ":fash", ":flash now"])
def test_an_unknown_command_is_said_and_not_sent(line: str) -> None:
    said = interpret(line, b"\r\n")
    assert isinstance(said, Said)
    assert said.bad
    assert line[1:] in said.text
    assert ":flash" in said.text


def test_help_names_every_command_and_every_command_has_its_own_key() -> None:
    said = run_command("help")
    assert isinstance(said, Said)
    assert all(f":{name}" in said.text for name in COMMANDS)
    assert len({entry.key for entry in COMMANDS.values()}) == len(COMMANDS)


def test_colours_stay_and_what_moves_the_cursor_goes() -> None:
    assert only_colours("\x1b[2J\x1b[1;31mred\x1b[K\x1b[3A") == f"\x1b[1;31mred{RESET}"
    assert only_colours(f"\x1b[31mred{RESET}") == f"\x1b[31mred{RESET}"
    assert only_colours("none") == "none"
    assert plain("\x1b[1;31mred\x1b[K") == "red"


@given(st.text())
def test_text_without_escapes_is_left_alone(text: str) -> None:
    if "\x1b" not in text:
        assert only_colours(text) == plain(text) == text


def test_notices() -> None:
    assert notice_lines(Notice("flashed")) == ["-- flashed --"]
    assert notice_lines(Notice("a.cpp:1: error\n  x")) == ["a.cpp:1: error", "  x"]
    assert coloured_lines(Notice("flashed", "good")) == [f"\x1b[32m-- flashed --{RESET}"]
    assert coloured_lines(Notice("\x1b[35mown\nnone", "bad"))[1] == f"\x1b[31mnone{RESET}"


def line(text: str) -> DeviceText:
    return DeviceText(text, complete=True, at=0.0)


def part(text: str) -> DeviceText:
    return DeviceText(text, complete=False, at=0.0)


def test_a_frame_has_whole_lines_the_tail_and_the_status() -> None:
    backlog = Backlog()
    for item in (line("one"), part(">>"), part("> "), Status("idle")):
        backlog.add(item)
    frame = backlog.take()
    assert (frame.lines, frame.tail, frame.status) == (["one"], ">>> ", "idle")
    backlog.add(line("help"))
    frame = backlog.take()
    assert (frame.lines, frame.tail, frame.status) == ([">>> help"], "", "idle")


def test_too_many_lines_keep_the_newest_and_say_how_many_are_not_shown() -> None:
    backlog = Backlog()
    for number in range(MOST_LINES + 1500):
        backlog.add(line(str(number)))
    frame = backlog.take()
    assert "1,500 lines" in frame.lines[0]
    assert frame.lines[1:] == [str(number) for number in range(1500, MOST_LINES + 1500)]
    assert backlog.take().lines == []
