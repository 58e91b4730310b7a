"""What is remembered of boards: kept, replaced, and never believed when it is damaged."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from fbuild_watch.flash.boards import BoardMemory, Known
from fbuild_watch.flash.guess import NOTHING, of_image
from fbuild_watch.model import SECTOR, Image, Region

KNOWN = Known("/dev/ttyUSB0", "02:00:00:00:00:01", "ESP32-C3", 4 << 20, 460800, 0, 0x1800)
IMAGE = Image((Region("app", 0x10000, random.Random(1).randbytes(3 * SECTOR + 5)),))


def test_a_board_is_known_to_the_next_process(tmp_path: Path) -> None:
    BoardMemory(tmp_path / "boards").remember(KNOWN, of_image(IMAGE, {0x13005: b"\xff"}))
    memory = BoardMemory(tmp_path / "boards")
    assert memory.on_port(KNOWN.port) == KNOWN
    assert memory.guess(KNOWN.mac).sectors == of_image(IMAGE, {}).sectors
    assert memory.guess(KNOWN.mac).dirty(IMAGE.regions[0]) == frozenset()
    assert not memory.guess(KNOWN.mac).ends  # never the image itself, nor a part of it


def test_two_boards_are_two_and_a_port_is_the_newest(tmp_path: Path) -> None:
    memory = BoardMemory(tmp_path)
    memory.remember(KNOWN, of_image(IMAGE, {}))
    other = replace(KNOWN, mac="02:00:00:00:00:02")
    memory.remember(other, NOTHING)
    assert memory.on_port(KNOWN.port) == other
    assert memory.guess(KNOWN.mac) != NOTHING
    assert len(list(tmp_path.iterdir())) == 2


def test_without_a_folder_it_is_kept_in_memory() -> None:
    memory = BoardMemory()
    memory.remember(KNOWN, of_image(IMAGE, {}))
    assert memory.guess(KNOWN.mac) != NOTHING
    assert BoardMemory().guess(KNOWN.mac) == NOTHING


@pytest.mark.parametrize("seed", range(60))
def test_a_damaged_file_is_no_guess(tmp_path: Path, seed: int) -> None:
    BoardMemory(tmp_path).remember(KNOWN, of_image(IMAGE, {}))
    (path,) = tmp_path.iterdir()
    data, rng = bytearray(path.read_bytes()), random.Random(seed)
    if seed % 2:
        del data[rng.randrange(len(data)) :]
    else:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    BoardMemory(tmp_path).guess(KNOWN.mac)  # something, or nothing; never an exception


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    memory = BoardMemory(blocked / "boards")
    memory.remember(KNOWN, NOTHING)
    assert memory.on_port(KNOWN.port) == KNOWN
