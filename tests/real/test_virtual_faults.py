"""The faulty board as a process: what a client meets, and that a second visit meets a sane board."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from fbuild_watch.virtual.nor import SECTOR
from tests.faults import Dropped, PowerLost, StuckSector, Vanished
from tests.real.board_client import RTS_ON, RawClient, wait_logged
from tests.real.conftest import FaultyServedBoard
from tests.real.esptool_cli import esptool, said

Faulty = Callable[..., FaultyServedBoard]


def wait_port(board: FaultyServedBoard, *, there: bool) -> None:
    """Wait until connections are accepted, or refused."""
    deadline = time.monotonic() + 10
    while accepted(board) != there:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def accepted(board: FaultyServedBoard) -> bool:
    try:
        socket.create_connection(("127.0.0.1", board.port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_the_port_vanishes_and_is_back_at_the_same_url(faulty_board: Faulty) -> None:
    board = faulty_board([Vanished(at=3, seconds=0.3)], 0)
    with closing(RawClient(board)) as client:
        client.socket.sendall(b"four")
        with pytest.raises(AssertionError, match="closed"):
            client.wait_heard(b"never said")
    wait_port(board, there=False)
    wait_port(board, there=True)
    RawClient(board).close()
    assert board.fired == ["fault: Vanished(at=3, seconds=0.3)"]


def test_the_chip_runs_on_while_its_port_is_away(faulty_board: Faulty) -> None:
    board = faulty_board([Vanished(at=0, seconds=0.1)], 0, chip="esp32")
    with closing(RawClient(board)) as client:
        client.set(RTS_ON)
        client.socket.sendall(b"x")
        wait_logged(board, "fault: Vanished")
    wait_logged(board, "reset: POWERON, flash boot", times=2)
    assert "no power" not in board.log


def test_it_ends_with_its_parent(faulty_board: Faulty) -> None:
    board = faulty_board([], 0)
    assert board.stop() == 0
    assert board.fired == []


def test_the_seed_draws_the_same_faults(faulty_board: Faulty) -> None:
    first, second = (faulty_board(["Dropped", "Stalled"], 5).faults for _ in range(2))
    assert first == second
    assert isinstance(first[0], Dropped)


def test_power_lost_in_a_write_and_a_second_visit_heals_it(faulty_board: Faulty) -> None:
    image = bytes(range(256)) * 40
    board = faulty_board([PowerLost(at=3)], 0, chip="esp8266")
    write = ("write-flash", "0x10000", image)
    assert esptool(board, *write).returncode != 0
    assert board.fired == ["fault: power lost"]
    assert board.flash(0x10000, len(image)) != image
    said(board, *write)
    assert board.flash(0x10000, len(image)) == image


def test_a_stuck_sector_is_found_by_the_digest(faulty_board: Faulty) -> None:
    image = bytes(range(256)) * 40
    board = faulty_board([StuckSector(0x11000)], 0, chip="esp32")
    done = esptool(board, "write-flash", "0x10000", image)
    assert "MD5 of file does not match" in done.stdout + done.stderr
    assert board.flash(0x11000, SECTOR) == b"\xff" * SECTOR
    assert board.flash(0x10000, SECTOR) == image[:SECTOR]
