"""A program in a pseudo-terminal, and the screen that a person would see."""

from __future__ import annotations

import codecs
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from typing import Any

_TOKEN = re.compile(
    r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b\(.|\x1b[^\[(]|([\r\n\b\x07])|([^\x1b\r\n\b\x07]+)"
)


class Screen:
    """As much of a VT100 as prompt_toolkit's renderer uses; what scrolls out is kept in `lines`."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self.lines = [""]
        self._y = self._x = 0
        self._rest = ""
        self._main: tuple[list[str], int, int] | None = None
        self._saved: tuple[int, int] | None = None

    def feed(self, text: str) -> None:
        text, self._rest = self._rest + text, ""
        if unfinished := re.search(r"\x1b(?:\[[0-9;?]*)?\Z", text):
            text, self._rest = text[: unfinished.start()], text[unfinished.start() :]
        for token in _TOKEN.finditer(text):
            number, final, control, plain = token.groups()
            if plain:
                self._write(plain)
            elif control:
                self._control(control)
            elif not final:
                continue
            elif final in "hl" and number == "?1049":
                self._swap(to_other=final == "h")
            elif final == "H":
                self._go(*(int(part or 1) for part in (number or "1;1").split(";")))
            else:
                self._escape(final, int(number) if number.isdecimal() else None)

    def _swap(self, *, to_other: bool) -> None:
        """The other screen has no scrollback, and leaves no trace on the main one.

        Leaving it twice moves the cursor to where it was when it was entered, as in tmux.
        """
        if to_other and self._main is None:
            self._main = self.lines, self._y, self._x
            self.lines, self._y, self._x = [""], 0, 0
        elif not to_other and self._main is not None:
            self.lines, self._y, self._x = self._main
            self._saved = self._main[1:]
            self._main = None
        elif not to_other and self._saved is not None:
            self._y, self._x = self._saved

    def _go(self, row: int, column: int) -> None:
        self._y = max(0, len(self.lines) - self.rows) + max(1, row) - 1
        self._x = max(1, column) - 1
        self.lines += [""] * (self._y + 1 - len(self.lines))

    def _write(self, text: str) -> None:
        for char in text:
            if self._x == self.columns:
                self._control("\r")
                self._control("\n")
            line = self.lines[self._y].ljust(self._x)
            self.lines[self._y] = line[: self._x] + char + line[self._x + 1 :]
            self._x += 1

    def _control(self, char: str) -> None:
        if char == "\r":
            self._x = 0
        elif char == "\b":
            self._x = max(0, self._x - 1)
        elif char == "\n":
            self._y += 1
            if self._y == len(self.lines):
                self.lines.append("")

    def _escape(self, final: str, number: int | None) -> None:
        top = max(0, len(self.lines) - self.rows)
        if final == "A":
            self._y = max(top, self._y - (number or 1))
        elif final == "C":
            self._x = min(self.columns - 1, self._x + (number or 1))
        elif final == "D":
            self._x = max(0, min(self._x, self.columns - 1) - (number or 1))
        elif final == "K":
            self.lines[self._y] = self.lines[self._y][: self._x]
        elif final == "J" and number == 2:
            self.lines[top:] = [""]
            self._y = top
        elif final == "J":
            self.lines[self._y] = self.lines[self._y][: self._x]
            del self.lines[self._y + 1 :]
        elif final not in "mhlqr":
            raise AssertionError(f"the test's screen does not know CSI {number} {final}")

    @property
    def shown(self) -> list[str]:
        """What is to be seen, without what is empty at the end."""
        return [line.rstrip() for line in self.lines[-self.rows :]]


class Session:
    """The program, its keyboard and its screen."""

    def __init__(
        self, command: Sequence[str], *, rows: int = 24, columns: int = 80, cwd: Path | None = None
    ) -> None:
        self._keyboard, self._terminal = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self._terminal)
        terminal = dict.fromkeys(("stdin", "stdout", "stderr"), self._terminal)
        environment = {**os.environ, "TERM": "xterm-256color"}
        self.process = subprocess.Popen(
            command, **terminal, env=environment, cwd=cwd, start_new_session=True
        )
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def resize(self, rows: int, columns: int) -> None:
        """The window has another size, and is empty."""
        ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen = Screen(rows, columns)

    def attributes(self) -> list[Any]:
        return termios.tcgetattr(self._terminal)

    def type(self, keys: str) -> None:
        os.write(self._keyboard, keys.encode())

    def look(self, seconds: float = 0.02) -> None:
        """Take what the program has drawn."""
        while select.select([self._keyboard], [], [], seconds)[0]:
            self.screen.feed(self._decoder.decode(os.read(self._keyboard, 65536)))
            seconds = 0

    def wait_for(self, seen: Callable[[Screen], object], seconds: float = 20) -> None:
        """Look until `seen` is true. Raises AssertionError with the screen."""
        deadline = time.monotonic() + seconds
        while not seen(self.screen):
            assert time.monotonic() < deadline, "\n".join(self.screen.shown)
            self.look()

    def wait_for_text(self, text: str) -> None:
        self.wait_for(lambda screen: any(text in line for line in screen.shown))

    def wait_for_exit(self) -> int:
        """The exit code."""
        deadline = time.monotonic() + 20
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "\n".join(self.screen.shown)
            self.look()
        self.look()
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._keyboard)
        os.close(self._terminal)


@contextmanager
def session(command: Sequence[str], **options: Any) -> Iterator[Session]:
    """A session that is over in the end."""
    running = Session(command, **options)
    try:
        yield running
    finally:
        running.close()
