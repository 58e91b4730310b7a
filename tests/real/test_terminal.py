"""The console in a real terminal: typed text reaches the firmware, and its echo comes back."""

from __future__ import annotations

import shutil
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from tests.real.conftest import ServedBoard
from tests.real.program import environment
from tests.real.pty_board import answering

SECONDS = 60


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., pexpect.spawn]]:
    """Start `fbuild ARGUMENTS` in a terminal of 100 x 30."""
    started: list[pexpect.spawn] = []

    def start(*arguments: str, **variables: str) -> pexpect.spawn:
        child = pexpect.spawn(
            sys.executable,
            ["-m", "fbuild_watch", *arguments],
            env={**environment(tmp_path), "TERM": "xterm-256color", **variables},
            dimensions=(30, 100),
            timeout=SECONDS,
            encoding="utf-8",
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.close(force=True)


def test_type_edit_and_leave(
    project: Path,
    terminal: Callable[..., pexpect.spawn],
    virtual_board: Callable[..., ServedBoard],
) -> None:
    board = virtual_board()
    child = terminal("watch", str(project), "--port", board.url)
    before = termios.tcgetattr(child.child_fd)
    child.expect("hello\r+\n")
    child.expect("tick 1")
    child.sendline("echo me 42")
    child.expect("echo me 42\r+\n")

    # typed text survives a flash, and goes to the new firmware whole
    child.send("half a li")
    file = project / "src" / "greeting.h"
    file.write_text(file.read_text().replace('"hello"', '"moin"'))
    child.expect("flashed app")
    child.expect("moin\r+\n")
    child.sendline("ne")
    child.expect("half a line\r+\n")

    # it survives an unplugged board as well
    child.send("typed be")
    board.kill()
    child.expect("waiting")
    board.restart()
    child.expect("the board is back")
    child.expect("tick \\d+\r+\n")
    child.sendline("fore")
    child.expect("typed before\r+\n")

    # in raw mode, keys and bytes go through, and a flash in between is said
    child.send("\x14m")  # Ctrl-T m
    child.expect("Ctrl-\\] leads back")
    child.send("raw keys\n")
    child.expect("raw keys\r+\n")
    file.write_text(file.read_text().replace('"moin"', '"hej"'))
    child.expect("-- flashed app .* --")
    child.expect("hej\r+\n")
    child.send("\x1d")  # Ctrl-]
    child.expect("Ctrl-T menu")

    child.send("\x1d")
    child.expect(pexpect.EOF)
    assert child.wait() == 0
    after = termios.tcgetattr(child.child_fd) if not child.closed else before
    assert after[3] == before[3]
    history = project / ".fbuild" / "history"
    assert "half a line" in history.read_text()
    shutil.rmtree(project)


def test_a_plain_console_does_not_reset_the_board(
    terminal: Callable[..., pexpect.spawn], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    child = terminal("console", "--port", board.url)
    child.expect("invalid header: 0xffffffff")
    assert board.log.count("reset: POWERON") == board.log.count("reset: POWERON, flash boot")
    child.send("\x14r")  # Ctrl-T r
    child.expect("rst:0x1 \\(POWERON\\)")
    child.send(":flash\r")
    child.expect("only `fbuild watch` builds and flashes")
    child.send("\x1d")
    child.expect(pexpect.EOF)
    assert child.wait() == 0


TELETYPE = "teletype|prints and feeds, am, cols#72, cr=\\r, ind=\\n, bel=^G,\n"


def test_a_terminal_that_only_prints_gets_plain_lines(
    terminal: Callable[..., pexpect.spawn], tmp_path: Path
) -> None:
    kinds = {"dumb": ""}
    if shutil.which("tic"):
        kinds["teletype"] = str(tmp_path / "terminfo")
        subprocess.run(["tic", "-o", kinds["teletype"], "-"], input=TELETYPE, text=True, check=True)
    with answering({}) as board:
        for kind, terminfo in kinds.items():
            child = terminal("console", "--port", board.device, TERM=kind, TERMINFO=terminfo)
            child.expect(f"TERM={kind} cannot move its cursor.*\r\n")
            for _ in range(SECONDS * 5):  # until the port is open
                board.say(b"hello\r\n>>> ")
                if child.expect([pexpect.TIMEOUT, "hello\r+\n>>> "], timeout=0.2):
                    break
            assert "\x1b" not in child.before + child.after
            child.sendintr()
            child.expect(pexpect.EOF)
            assert "\x1b" not in child.before
            assert child.wait() == 130
