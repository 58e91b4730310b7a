"""Fixtures of the tests that use real processes, ports and clocks."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

START_SECONDS = 30


class ServedBoard:
    """A `fbuild board serve` in a process of its own, which dies with the test run."""

    def __init__(self, flash_path: Path, timing: str = "fast") -> None:
        self.flash_path = flash_path
        self.timing = timing
        self.log_path = flash_path.with_suffix(".log")
        self.url = ""
        self._process: subprocess.Popen[str] | None = None
        self._start("0")

    @property
    def port(self) -> int:
        """The TCP port."""
        return int(self.url.rpartition(":")[2])

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What the board has said it does, since the first start."""
        return self.log_path.read_text()

    def flash(self, address: int, size: int) -> bytes:
        """What the flash file holds now."""
        with self.flash_path.open("rb") as file:
            file.seek(address)
            return file.read(size)

    def stop(self) -> int:
        """End it as a parent does, by closing its standard input; returns its exit code."""
        process = self._taken()
        assert process.stdin is not None
        process.stdin.close()
        return self._reap(process)

    def kill(self) -> None:
        """End it as a crash does."""
        process = self._taken()
        process.kill()
        self._reap(process)

    def restart(self) -> None:
        """Stop it and start it again, with the same flash at the same URL."""
        if self._process is not None:
            self.stop()
        self._start(str(self.port))

    def close(self) -> None:
        """End it if it still runs."""
        if self._process is not None:
            self.kill()

    def _start(self, listen: str) -> None:
        command = [sys.executable, "-m", "fbuild_watch", "board", "serve"]
        options = ["--flash", str(self.flash_path), "--timing", self.timing, "--listen", listen]
        with self.log_path.open("a") as log:
            self._process = subprocess.Popen(
                [*command, *options, "--log", "--with-parent"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.url = self._first_line(self._process)

    def _first_line(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        too_late = threading.Timer(START_SECONDS, process.kill)
        too_late.start()
        try:
            line = process.stdout.readline().strip()
        finally:
            too_late.cancel()
        if not line:
            self._taken()
            self._reap(process)
            raise RuntimeError(f"the board did not start:\n{self.log}")
        return line

    def _taken(self) -> subprocess.Popen[str]:
        process, self._process = self._process, None
        assert process is not None
        return process

    @staticmethod
    def _reap(process: subprocess.Popen[str]) -> int:
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
        return process.wait(START_SECONDS)


@pytest.fixture
def virtual_board(tmp_path: Path) -> Iterator[Callable[..., ServedBoard]]:
    """A factory: `virtual_board(flash_path=None, timing="fast")` serves a board until the test ends.

    Without a path the flash is a new, erased file under tmp_path.
    """
    boards: list[ServedBoard] = []

    def serve(flash_path: Path | None = None, timing: str = "fast") -> ServedBoard:
        path = flash_path or tmp_path / f"flash-{len(boards)}.bin"
        boards.append(ServedBoard(path, timing))
        return boards[-1]

    yield serve
    for board in boards:
        board.close()
