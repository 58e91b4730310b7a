"""`fbuild board serve` as a process: its port, its end, its bad input."""

from __future__ import annotations

import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import trio

from fbuild_watch.errors import BoardUnusable
from fbuild_watch.virtual.flash_file import open_flash
from fbuild_watch.virtual.host import Setup, mac_of, serve_board
from tests.real.board_client import (
    DTR_OFF,
    IAC,
    JUMP_TO_SELF,
    PRINTS_OK,
    RTS_ON,
    SE,
    WATCHDOGS_OFF,
    RawClient,
    image,
    wait_logged,
)
from tests.real.conftest import ServedBoard

Serve = Callable[..., ServedBoard]

ERASED = b"\xff" * (4 << 20)


def test_a_missing_flash_file_is_created_erased(virtual_board: Serve) -> None:
    board = virtual_board()
    assert board.url.startswith("rfc2217://127.0.0.1:")
    assert board.flash(0, len(ERASED) + 1) == ERASED


def test_it_ends_with_its_parent(virtual_board: Serve) -> None:
    board = virtual_board()
    pid = board.pid
    assert board.stop() == 0
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_it_cleanly(virtual_board: Serve, name: str) -> None:
    board = virtual_board()
    process = psutil.Process(board.pid)
    process.send_signal(getattr(signal, name))
    assert board.stop() == 0
    assert "Traceback" not in board.log
    assert board.flash(0, len(ERASED) + 1) == ERASED


def test_restarted_it_is_the_same_board_at_the_same_url(virtual_board: Serve) -> None:
    board = virtual_board()
    url = board.url
    board.kill()
    board.restart()
    assert board.url == url


def test_connections_that_come_and_go_do_no_harm(virtual_board: Serve) -> None:
    board = virtual_board()
    for number in range(20):
        if number % 2:
            RawClient(board).break_off()
        else:
            RawClient(board).close()
    with socket.create_connection(("127.0.0.1", board.port)) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n" + IAC + SE)
    client = RawClient(board)
    client.set(DTR_OFF)
    client.close()
    assert board.log.count("reset:") == 1, "only the power-on"


def test_a_client_killed_in_the_middle_of_a_reset_leaves_the_board_running(
    virtual_board: Serve,
) -> None:
    board = virtual_board()
    client = RawClient(board)
    client.set(RTS_ON)
    wait_logged(board, "EN low: held in reset")
    client.break_off()
    wait_logged(board, "reset: POWERON, flash boot", times=2)


def running(virtual_board: Serve, folder: Path, code: bytes) -> ServedBoard:
    """Serve a board whose flash holds firmware that switches the watchdogs off and runs `code`."""
    path = folder / "firmware.bin"
    path.write_bytes(image(WATCHDOGS_OFF + code).ljust(1 << 20, b"\xff"))
    return virtual_board(path)


def test_settings_are_acknowledged_at_once_while_firmware_computes(
    virtual_board: Serve, tmp_path: Path
) -> None:
    board = running(virtual_board, tmp_path, PRINTS_OK)
    client = RawClient(board)
    client.wait_heard(b"OK\n")
    times = [client.set(DTR_OFF) for _ in range(100)]
    client.close()
    assert statistics.median(times) < 0.020
    assert board.log.count("reset:") == 1, "it computed all the time"


def test_firmware_that_waits_costs_the_host_little(virtual_board: Serve, tmp_path: Path) -> None:
    board = running(virtual_board, tmp_path, JUMP_TO_SELF)
    process = psutil.Process(board.pid)
    before = process.cpu_times()
    time.sleep(1.0)  # what is measured: the processor time of one second
    after = process.cpu_times()
    assert after.user + after.system - before.user - before.system < 0.25
    assert board.log.count("reset:") == 1, "it waited all the time"


def test_two_boards_are_two() -> None:
    assert mac_of(Path("a.bin")) != mac_of(Path("b.bin"))
    assert mac_of(Path("a.bin")) == mac_of(Path("../") / Path.cwd().name / "a.bin")
    assert mac_of(Path("a.bin"))[0] & 3 == 2, "locally administered, no group"


# --- bad input ---


async def refused(**changes: object) -> BoardUnusable:
    """Serve with bad input; returns the error."""
    setup = {"chip": "esp32c3", "host": "127.0.0.1", "port": 0, "timing": "fast"} | changes
    with pytest.raises(BoardUnusable) as info, trio.fail_after(20):
        await serve_board(
            Setup(**setup),  # type: ignore[arg-type]
            listening=lambda url: pytest.fail("it listens"),
            log=lambda line: None,
        )
    assert info.value.hint
    return info.value


async def test_an_unknown_chip(tmp_path: Path) -> None:
    assert "z80" in str(await refused(chip="z80", flash=tmp_path / "f.bin"))
    assert not (tmp_path / "f.bin").exists()


async def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = await refused(flash=tmp_path / "f.bin", port=port)
    assert f"127.0.0.1:{port}" in str(error)
    assert "--listen 0" in error.hint


async def test_a_host_that_is_not_there(tmp_path: Path) -> None:
    assert "nowhere.invalid" in str(await refused(flash=tmp_path / "f", host="nowhere.invalid"))


async def test_a_flash_file_that_cannot_be(tmp_path: Path) -> None:
    assert "no/f.bin" in (await refused(flash=tmp_path / "no" / "f.bin")).args[0]
    assert str(tmp_path) in str(await refused(flash=tmp_path))


@pytest.mark.parametrize("size", [0, 5, (4 << 20) + 1, 3 << 20])
async def test_a_flash_file_of_a_wrong_size_is_left_alone(tmp_path: Path, size: int) -> None:
    path = tmp_path / "f.bin"
    path.write_bytes(b"a" * size)
    assert f"{size:,} bytes" in str(await refused(flash=path))
    assert path.read_bytes() == b"a" * size


def test_a_flash_of_another_size_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "f.bin"
    path.write_bytes(bytes(1 << 20))
    with open_flash(path) as memory:
        memory[5] = 7
    assert path.read_bytes()[:6] == b"\0\0\0\0\0\7"
    assert path.stat().st_size == 1 << 20


def test_a_flash_that_cannot_be_created_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(BoardUnusable, match="No space left"), open_flash(tmp_path / "f.bin"):
        pytest.fail("it was opened")
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_is_wrong_without_a_traceback(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "fbuild_watch", "board", "serve", "--flash", str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == BoardUnusable.exit_code
    assert done.stdout == ""
    assert str(tmp_path) in done.stderr
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr
