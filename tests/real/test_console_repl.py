"""The interactive console in a real (pseudo) terminal: what is on the screen, and what is typed."""

from __future__ import annotations

import ast
import re
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.real.terminal_session import Screen, Session, session

PROGRAM = Path(__file__).with_name("repl_program.py")
BAR = "Ctrl-T menu  Ctrl-] quit"

CTRL_C, CTRL_D, CTRL_R, CTRL_T, CTRL_QUIT, UP = "\x03", "\x04", "\x12", "\x14", "\x1d", "\x1b[A"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return tmp_path / "project" / ".fbuild" / "history"


@pytest.fixture
def start(log: Path, history: Path) -> Iterator[Callable[..., Session]]:
    with ExitStack() as stack:

        def start(rate: int = 0, mishap: str = "none", cwd: Path | None = None) -> Session:
            command = [sys.executable, str(PROGRAM), str(history), str(log), str(rate), mishap]
            running = stack.enter_context(session(command, cwd=cwd))
            running.wait_for_text(BAR)
            running.wait_for_text("made-up board")
            return running

        yield start


def wait_for_log(running: Session, log: Path, *expected: str) -> None:
    """Until the console has given back exactly this; the terminal goes on reading meanwhile."""
    running.wait_for(lambda _screen: log.read_text().splitlines() == list(expected))


def typed_in(log: Path) -> bytes:
    """All that went to the board, in however many pieces."""
    pieces = re.findall(r"Typed\(data=(.*)\)", log.read_text())
    return b"".join(ast.literal_eval(piece) for piece in pieces)


def quit_and_check(running: Session) -> None:
    """Ctrl-] leaves, and the terminal is as it was."""
    running.type(CTRL_QUIT)
    assert running.wait_for_exit() == 0
    assert running.attributes() == running.before
    assert BAR not in "\n".join(running.screen.shown)


def test_a_prompt_without_newline_is_shown_and_typed_into(
    start: Callable[..., Session], log: Path
) -> None:
    running = start()
    running.wait_for(lambda screen: screen.shown[-2] == ">>>")
    assert "-- flashed app --" in running.screen.shown
    running.type("print(1)")
    running.wait_for(lambda screen: screen.shown[-2] == ">>> print(1)")
    running.type("\r")
    running.wait_for(lambda screen: screen.shown[-3:-1] == [">>> print(1)", ">>>"])
    wait_for_log(running, log, r"Typed(data=b'print(1)\r\n')")
    quit_and_check(running)


def test_typed_text_stays_whole_while_a_thousand_lines_a_second_scroll(
    start: Callable[..., Session], log: Path
) -> None:
    running = start(rate=1000)
    text = "the quick brown fox jumps over the lazy dog"
    for end, char in enumerate(text, 1):
        running.type(char)
        typed = text[:end].rstrip()
        running.wait_for(lambda screen, typed=typed: _input_line(screen).rstrip() == typed)
    before = len(running.screen.lines)
    running.wait_for(lambda screen: len(screen.lines) > before + 500)
    running.wait_for(lambda screen: _input_line(screen) == text)
    running.type("\r")
    wait_for_log(running, log, f"Typed(data=b'{text}\\r\\n')")
    quit_and_check(running)
    shown = re.findall(r"^(?:>>> )?line (\d+)$", "\n".join(running.screen.lines), re.MULTILINE)
    assert shown == [str(number) for number in range(len(shown))]


def _input_line(screen: Screen) -> str:
    """The row above the bar, without the prompt; empty while a frame is being drawn."""
    bars = [at for at, line in enumerate(screen.shown) if BAR in line]
    line = screen.shown[bars[-1] - 1] if bars else ""
    return line.removeprefix(">").removeprefix(">>").lstrip()


def test_a_firehose_is_skipped_and_said_and_keys_still_work(
    start: Callable[..., Session], log: Path
) -> None:
    running = start(rate=100_000)
    running.wait_for(
        lambda screen: any("lines came too fast" in line for line in screen.lines[-5000:])
    )
    running.type("still here\r")
    wait_for_log(running, log, r"Typed(data=b'still here\r\n')")
    quit_and_check(running)


def test_the_keys_that_go_to_the_board(start: Callable[..., Session], log: Path) -> None:
    running = start()
    running.type("not sent")
    running.wait_for_text("not sent")
    running.type(CTRL_C)
    running.wait_for(lambda screen: "not sent" not in "\n".join(screen.shown))
    running.type(CTRL_C + CTRL_D + "\r")
    wait_for_log(running, log, *(rf"Typed(data=b'{sent}')" for sent in (r"\x03", r"\x04", r"\r\n")))
    quit_and_check(running)


def test_the_menu_and_the_commands(start: Callable[..., Session], log: Path) -> None:
    running = start()
    running.type(CTRL_T)
    running.wait_for_text("f flash")
    running.type("f")
    running.wait_for(lambda screen: "f flash" not in "\n".join(screen.shown))
    running.type(CTRL_T + "~" + ":rebuild\r" + "::colon\r" + ":fash\r")
    running.wait_for_text("there is no command :fash")
    wait_for_log(
        running,
        log,
        "Command(name='flash', arguments=())",
        "Command(name='rebuild', arguments=())",
        r"Typed(data=b':colon\r\n')",
    )
    running.type(UP)
    running.wait_for(lambda screen: _input_line(screen) == ":fash")
    running.type(CTRL_C + CTRL_T + "h")
    running.wait_for_text("::text")
    quit_and_check(running)


def test_history_is_there_after_a_restart_and_is_private(
    start: Callable[..., Session], history: Path
) -> None:
    first = start()
    first.type("led on\r" + "led off\r")
    first.wait_for(lambda screen: ">>> led off" in screen.shown[:-2])
    quit_and_check(first)
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    again = start()
    again.type(UP + UP)
    again.wait_for(lambda screen: _input_line(screen) == "led on")
    again.type(CTRL_C)
    again.wait_for(lambda screen: _input_line(screen) == "")
    again.type(CTRL_R + "off")
    again.wait_for_text("led off")
    again.type("\r")
    again.wait_for(lambda screen: _input_line(screen) == "led off")
    quit_and_check(again)


def test_a_multi_line_paste_is_sent_line_by_line(start: Callable[..., Session], log: Path) -> None:
    running = start()
    running.type("\x1b[200~for x in y:\r\n  f(x)\r\n\x1b[201~")
    running.wait_for_text("f(x)")
    running.type("\r")
    wait_for_log(running, log, r"Typed(data=b'for x in y:\r\n  f(x)\r\n')")
    quit_and_check(running)


def test_a_resize_keeps_the_typed_text(start: Callable[..., Session]) -> None:
    running = start()
    running.type("typed before")
    running.wait_for_text("typed before")
    for columns in (40, 42) * 5:  # the first look at the size may come after the first change
        running.resize(10, columns)
        with suppress(AssertionError):
            running.wait_for(lambda screen: _input_line(screen) == "typed before", seconds=1)
            break
    assert _input_line(running.screen) == "typed before"
    assert all(len(line) <= columns for line in running.screen.shown)
    quit_and_check(running)


def test_a_filter_and_back(start: Callable[..., Session]) -> None:
    running = start(rate=100)
    running.wait_for_text("line 42")
    running.type(":filter [05]0$\r")
    running.wait_for_text("filter [05]0$ |")
    running.wait_for(lambda screen: "line 150" in screen.lines and "line 200" in screen.lines)
    after = running.screen.lines[_last(running.screen, "-- filter [05]0$") :]
    shown = [line for line in after if re.match(r"(>>> )?line", line)]
    assert all(re.search("[05]0$", line) for line in shown)
    assert any("line 50" in line for line in shown), "what was said before is looked through too"
    running.type(":filter off\r")
    running.wait_for(lambda screen: _last(screen, "-- filter off") and "line 151" in screen.lines)
    quit_and_check(running)
    given_back = running.screen.lines[_last(running.screen, "-- filter off") :]
    numbers = [int(line.removeprefix("line ")) for line in given_back if line.startswith("line ")]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert numbers[0] < 150


def _last(screen: Screen, text: str) -> int:
    """The number of the last line that begins with `text`; 0: there is none."""
    return max((at for at, line in enumerate(screen.lines) if line.startswith(text)), default=0)


def test_search_has_the_whole_screen_and_gives_it_back(start: Callable[..., Session]) -> None:
    running = start(rate=100)
    running.wait_for_text("line 99")
    running.type("half a li" + CTRL_T + "s")
    running.wait_for_text("q back")
    running.type("/7$\r")
    running.wait_for_text("match")
    running.type("g/line 9$\r")
    running.wait_for(lambda screen: "line 9" in screen.shown and "match 1 of 1" in screen.shown[-1])
    running.type("/(\r")
    running.wait_for_text("no regular expression")
    running.type("q")
    running.wait_for(lambda screen: _input_line(screen) == "half a li")
    quit_and_check(running)
    text = "\n".join(running.screen.lines)
    shown = list(map(int, re.findall(r"^(?:>>> )?line (\d+)$", text, re.MULTILINE)))
    assert shown == sorted(set(shown)), "nothing twice"
    assert shown == list(range(len(shown))) or "came too fast" in text, (
        "and nothing left out unsaid"
    )


def test_what_is_beyond_the_edge_is_found_and_looked_at(start: Callable[..., Session]) -> None:
    running = start()
    running.type("begin" + "." * 100 + "needle\r")
    running.wait_for_text("needle")
    running.type(":search needle\r")
    running.wait_for(lambda screen: BAR not in screen.shown[-1] and "needle" in screen.shown[1])
    assert "begin" not in running.screen.shown[1]
    running.type("h" * 9)
    running.wait_for(lambda screen: "begin" in screen.shown[1])
    running.type("l" * 9)
    running.wait_for_text("needle")
    running.type("q")
    running.wait_for(lambda screen: _input_line(screen) == "")
    quit_and_check(running)


def test_raw_mode_passes_keys_and_bytes_and_one_key_leads_back(
    start: Callable[..., Session], log: Path
) -> None:
    running = start()
    running.type("typed before" + CTRL_T + "m")
    running.wait_for_text("Ctrl-] leads back")
    running.type("\x03\x14\t:x\r")
    running.wait_for(lambda _screen: typed_in(log) == b"\x03\x14\t:x\r")
    running.wait_for_text(":x")
    running.type(CTRL_QUIT)
    running.wait_for(lambda screen: _input_line(screen) == "typed before")
    quit_and_check(running)


def test_raw_mode_after_a_full_screen_leaves_the_cursor_where_it_is(
    start: Callable[..., Session],
) -> None:
    running = start()
    running.type(CTRL_T + "s")
    running.wait_for_text("q back")
    running.type("q" + ":help\r" + CTRL_T + "m")
    running.wait_for_text("Ctrl-] leads back")
    running.type(CTRL_QUIT + "x")
    running.wait_for(lambda screen: _input_line(screen) == "x")
    shown = "\n".join(running.screen.shown)
    assert shown.index(":quit") < shown.index("raw mode: every key") < shown.index(">>> x")
    quit_and_check(running)


def test_raw_mode_leaves_the_boards_other_screen(start: Callable[..., Session]) -> None:
    running = start()
    running.type(CTRL_T + "m")
    running.wait_for_text("Ctrl-] leads back")
    running.type("\x1b[?1049hmenu")
    running.wait_for(lambda screen: "menu" in screen.shown[0])
    running.type(CTRL_QUIT)
    running.wait_for_text("-- raw mode: every key goes to the board; Ctrl-] leads back --")
    quit_and_check(running)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, None])
def test_raw_mode_gives_the_terminal_back_whatever_happens(
    start: Callable[..., Session], end: signal.Signals | None
) -> None:
    running = start()
    running.type(CTRL_T + "m")
    running.wait_for_text("Ctrl-] leads back")
    assert running.attributes() != running.before
    if end:
        running.process.send_signal(end)
    else:
        running.type("\x01")
    assert (running.wait_for_exit() == 0) == (end is signal.SIGTERM)
    assert running.attributes() == running.before


def test_the_end_of_items_ends_it(start: Callable[..., Session]) -> None:
    running = start()
    running.type(":reset\r")
    assert running.wait_for_exit() == 0
    assert running.attributes() == running.before


@pytest.mark.parametrize("mishap", ["raise", "signal"])
def test_the_terminal_is_restored_whatever_happens(
    start: Callable[..., Session], mishap: str
) -> None:
    running = start(mishap=mishap)
    assert running.attributes() != running.before
    running.type("half a li")
    if mishap == "signal":
        running.process.send_signal(signal.SIGINT)
    assert running.wait_for_exit() != 0
    assert running.attributes() == running.before


def test_numbers_are_drawn_and_written(start: Callable[..., Session], tmp_path: Path) -> None:
    running = start(cwd=tmp_path)
    running.type("temp:1 hum:40\r" + "temp:2 hum:30\r" + "half" + CTRL_T + "g")
    running.wait_for_text("hum 30")
    running.wait_for_text("2 samples")
    running.type(" e")
    running.wait_for_text("written: plot-")
    running.wait_for_text("paused")
    running.type("q")
    running.wait_for(lambda screen: _input_line(screen) == "half")
    running.wait_for_text("plot written to")
    [written] = tmp_path.glob("plot-*.csv")
    header, first, second = written.read_text().splitlines()
    assert header == "seconds,temp,hum"
    assert first == "0.000,1.0,40.0"
    assert second.endswith(",2.0,30.0")
    quit_and_check(running)
