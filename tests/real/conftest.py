"""Fixtures of the tests that use real processes, ports and clocks."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from fbuild_watch import Daemon
from fbuild_watch.example import copy_example
from tests.faults import Extent, Fault, draw, to_json
from tests.real import avr_kit
from tests.real.program import environment

START_SECONDS = 30


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the example."""
    folder = tmp_path / "hello"
    copy_example(folder)
    return folder


@pytest.fixture
def silent_port() -> Iterator[str]:
    """A device with nobody at its other end."""
    ours, theirs = os.openpty()
    yield os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The environment of commands, and of clients in this very process, with a runtime folder of their
    own. A process that is left there is ended.
    """
    variables = environment(tmp_path)
    monkeypatch.setenv("FBUILD_RUNTIME_DIR", variables["FBUILD_RUNTIME_DIR"])
    yield variables
    Daemon().stop()


@pytest.fixture(scope="session")
def avr_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulated ATmega328P; skips the test where its parts are not installed."""
    avr_kit.need_tools()
    return avr_kit.compiled_board(tmp_path_factory.mktemp("avr"))


@pytest.fixture
def avr_port(avr_program: Path) -> Iterator[str]:
    """The port of an ATmega328P that holds its bootloader and nothing else."""
    with avr_kit.served(avr_program) as name:
        yield name


class ServedBoard:
    """A `fbuild board serve` in a process of its own, which dies with the test run."""

    def __init__(self, flash_path: Path, timing: str = "fast", chip: str = "esp32c3") -> None:
        self.flash_path = flash_path
        self.timing = timing
        self.chip = chip
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

    def _command(self, listen: str) -> list[str]:
        command = [sys.executable, "-m", "fbuild_watch", "board", "serve", "--chip", self.chip]
        options = ["--flash", str(self.flash_path), "--timing", self.timing, "--listen", listen]
        return [*command, *options, "--log", "--with-parent"]

    def _start(self, listen: str) -> None:
        with self.log_path.open("a") as log:
            self._process = subprocess.Popen(
                self._command(listen),
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


class FaultyServedBoard(ServedBoard):
    """A board with faults, in a process of its own. See the fixture `faulty_board`."""

    def __init__(
        self, flash_path: Path, timing: str, chip: str, faults: Sequence[Fault], seed: int
    ) -> None:
        self.faults = tuple(faults)
        self.seed = seed
        super().__init__(flash_path, timing, chip)

    @property
    def url_now(self) -> str:
        """Its port, which may have got another name."""
        return self.log.rpartition("port: ")[2].partition("\n")[0]

    @property
    def fired(self) -> list[str]:
        """The faults that have happened, in words, in their order."""
        return [line for line in self.log.splitlines() if line.startswith("fault: ")]

    def _command(self, listen: str) -> list[str]:
        plan = {
            "flash": str(self.flash_path),
            "chip": self.chip,
            "timing": self.timing,
            "faults": to_json(self.faults),
            "seed": self.seed,
        }
        return [sys.executable, "-m", "tests.real.faulty_board", json.dumps(plan)]


@pytest.fixture
def virtual_board(tmp_path: Path) -> Iterator[Callable[..., ServedBoard]]:
    """A factory: `virtual_board(flash_path=None, timing="fast", chip="esp32c3")` serves a board.

    Until the test ends. Without a path the flash is a new, erased file under tmp_path.
    """
    boards: list[ServedBoard] = []

    def serve(
        flash_path: Path | None = None, timing: str = "fast", chip: str = "esp32c3"
    ) -> ServedBoard:
        path = flash_path or tmp_path / f"flash-{len(boards)}.bin"
        boards.append(ServedBoard(path, timing, chip))
        return boards[-1]

    yield serve
    for board in boards:
        board.close()


@pytest.fixture
def faulty_board(tmp_path: Path) -> Iterator[Callable[..., FaultyServedBoard]]:
    """A factory of boards that fail on purpose: `faulty_board(faults, seed)`.

    `faults` is a sequence of faults (tests.faults) or of their names, which are then drawn by
    `seed` within `extent`; `flash_path`, `timing` and `chip` are as for `virtual_board`:

        board = faulty_board([PowerLost(at=2)], 0)              # in the middle of the third operation
        board = faulty_board(["Dropped", "StuckSector"], seed)  # wherever the seed says
        ... flash through `board.url`, an image in sectors 0x10 to 0x18 by default ...
        board.fired                                             # what has happened of them
        board.flash(0x10000, size)                              # what the flash holds now

    Each fault happens once (a StuckSector as often as it says), so a second visit to the same
    board meets a sane one. Places are counted from the board's start: `Extent` says how far a
    visit goes, and one that lies beyond it never happens: look at `fired`.
    """
    boards: list[FaultyServedBoard] = []

    def serve(
        faults: Sequence[Fault | str],
        seed: int,
        *,
        extent: Extent | None = None,
        flash_path: Path | None = None,
        timing: str = "fast",
        chip: str = "esp32c3",
    ) -> FaultyServedBoard:
        rng = random.Random(seed)
        drawn = [draw(f, rng, extent or Extent()) if isinstance(f, str) else f for f in faults]
        path = flash_path or tmp_path / f"faulty-{len(boards)}.bin"
        boards.append(FaultyServedBoard(path, timing, chip, drawn, seed))
        return boards[-1]

    yield serve
    for board in boards:
        board.close()
