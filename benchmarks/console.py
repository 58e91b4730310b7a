"""A board that talks as fast as the line allows: what each console makes of it, and its CPU time.

`python -m benchmarks.console`. The board is a pty that is fed at 115200, 921600 and 3 Mbaud, and
once as fast as the console takes it; beside ours, plain and interactive, pyserial's miniterm.

A pty loses nothing: it makes the sender wait. A console that does not keep up is late here, and
would lose bytes on a real line; so "late" is what it took above the line's own time until the last
line was seen. CPU is that of the console's process between the first byte and the last. "shown" are
the lines that were seen: an interactive console leaves out what scrolls by too fast, and says so.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

SECONDS = 5.0
SLICE_S = 0.005
FLAT_OUT_BYTES = 6_000_000
END = "the end of it"
BAUDS = (115_200, 921_600, 3_000_000, None)
"""None: no pace."""

LINES = {
    "log": "I (#{number}#) sensor: temperature=23.4 humidity=45.1 pressure=1013.2",
    "short": "#{number}#",
}
NUMBER = re.compile(rb"#\d+#")


@dataclass(frozen=True, slots=True)
class Console:
    """A program that shows a board: how it is started, and whether it needs a terminal."""

    name: str
    command: tuple[str, ...]
    terminal: bool


def consoles(device: str) -> list[Console]:
    """Those that are compared, on `device`."""
    ours = (sys.executable, "-m", "fbuild_watch", "console", "--port", device)
    miniterm = (sys.executable, "-m", "serial.tools.miniterm", "--raw", device, "115200")
    return [
        Console("fbuild, plain", ours, terminal=False),
        Console("fbuild, interactive", ours, terminal=True),
        Console("miniterm", miniterm, terminal=True),
    ]


def main() -> None:
    """One table for each kind of line."""
    for kind, pattern in LINES.items():
        print(
            f"\n{kind} lines\n{'baud':>9}  {'console':20} {'CPU s/s':>8} {'late s':>7} {'MB/s':>6}  shown"
        )
        for baud in BAUDS:
            data = b"".join(lines(pattern, baud))
            for index in range(3):
                print(f"{baud or 'flat out':>9}  {measure(index, data, baud)}", flush=True)


def lines(pattern: str, baud: int | None) -> Iterator[bytes]:
    """What the board says, in numbered lines."""
    size, number = 0, 0
    wanted = baud / 10 * SECONDS if baud else FLAT_OUT_BYTES
    while size < wanted:
        line = f"{pattern.format(number=number)}\r\n".encode()
        yield line
        size += len(line)
        number += 1


def measure(index: int, data: bytes, baud: int | None) -> str:
    """Feed `data` to one console at `baud`: a row of the table."""
    board, slave = pty.openpty()
    tty.setraw(slave)
    console = consoles(os.ttyname(slave))[index]
    os.close(slave)
    with running(console) as (process, output):
        watch = Watch(output)
        greet(board, watch)
        usage, started = process.cpu_times(), time.perf_counter()
        feed(board, data, baud)
        os.write(board, f"{END}\r\n".encode())
        watch.wait_for(END)
        took = time.perf_counter() - started
        spent = sum(process.cpu_times()[:2]) - sum(usage[:2])
    os.close(board)
    late = took - len(data) * 10 / baud if baud else 0.0
    shown = len(watch.numbers) / data.count(b"\n")
    return f"{console.name:20} {spent / took:8.2f} {late:7.2f} {len(data) / took / 1e6:6.2f} {shown:6.0%}"


def greet(board: int, watch: Watch) -> None:
    """Until the console shows what the board says: then it is there."""
    while not watch.saw("ready"):
        os.write(board, b"ready\r\n")
        time.sleep(0.1)
    os.write(board, b"begin\r\n")
    watch.wait_for("begin")


def feed(board: int, data: bytes, baud: int | None) -> None:
    """Write `data` at the pace of `baud`."""
    piece = int(baud / 10 * SLICE_S) if baud else 65536
    started = time.perf_counter()
    for start in range(0, len(data), piece):
        if baud:
            due = started + start * 10 / baud
            time.sleep(max(0.0, due - time.perf_counter()))
        left = memoryview(data)[start : start + piece]
        while left:
            left = left[os.write(board, left) :]


class Watch:
    """Reads what a console shows, all of it, in a thread of its own."""

    def __init__(self, output: int) -> None:
        self.numbers: set[bytes] = set()
        self._tail = b""
        self._output = output
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while select.select([self._output], [], []) and (data := os.read(self._output, 65536)):
                seen = self._tail[-20:] + data
                self.numbers.update(NUMBER.findall(seen))
                self._tail = (self._tail + data)[-4096:]
        except (OSError, ValueError):
            return

    def saw(self, text: str) -> bool:
        """Whether it is among the last that was shown."""
        return text.encode() in self._tail

    def wait_for(self, text: str) -> None:
        """Until it is shown."""
        deadline = time.monotonic() + 120
        while not self.saw(text):
            assert time.monotonic() < deadline, self._tail
            time.sleep(0.005)


def terminal() -> tuple[int, int]:
    """A person's end and the program's, of a usual size."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    return ours, theirs


@contextmanager
def running(console: Console) -> Iterator[tuple[psutil.Process, int]]:
    """The console's process, and where its output can be read."""
    with tempfile.TemporaryDirectory(prefix="fbuild-console-") as scratch:
        environment = {**os.environ, "FBUILD_RUNTIME_DIR": scratch, "TERM": "xterm"}
        ours, theirs = terminal() if console.terminal else os.pipe()
        streams: dict[str, int] = {"stdin": theirs if console.terminal else subprocess.DEVNULL}
        started = subprocess.Popen(
            console.command, stdout=theirs, stderr=subprocess.DEVNULL if not console.terminal else theirs,
            env=environment, cwd=scratch, start_new_session=True, **streams,
        )  # fmt: skip
        try:
            yield psutil.Process(started.pid), ours
        finally:
            started.kill()
            started.wait()
            os.close(theirs)


if __name__ == "__main__":
    main()
