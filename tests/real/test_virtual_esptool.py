"""The unmodified esptool CLI against the virtual board.

pyserial's RFC 2217 client sleeps some 0.2 s for each of esptool's commands, so a run takes 10 to
20 s of which nearly all is sleep. Therefore every scenario has a board of its own and all of them
run at once; the tests look at what came of each.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from fbuild_watch.virtual.host import mac_of
from tests.real.board_client import PRINTS_OK, RawClient, image
from tests.real.conftest import ServedBoard

RUN_SECONDS = 120
SECTOR = 4096


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


OLD = b"compressible " * 2000 + noise(1, SECTOR)
NEW = OLD[:9000] + b"EDITED" + OLD[9006:]
RAW = noise(2, 20_001)
SMALL = noise(3, 3000)


@dataclass
class Scene:
    """A board, a folder and esptool."""

    board: ServedBoard
    folder: Path

    def esptool(self, *arguments: str) -> str:
        """Run esptool and return what it says; a failure of it is one of the test."""
        argv = [sys.executable, "-m", "esptool", "--port", self.board.url, *arguments]
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
        )
        assert done.returncode == 0, f"{arguments}:\n{done.stdout}\n{done.stderr}\n{self.board.log}"
        return done.stdout

    def holding(self, address: int, data: bytes) -> None:
        """Put something into the flash."""
        with self.board.flash_path.open("r+b") as flash:
            flash.seek(address)
            flash.write(data)

    def file(self, name: str, data: bytes) -> str:
        path = self.folder / name
        path.write_bytes(data)
        return str(path)


# --- scenarios: what is done, and what is kept of it for the tests ---


def ask_chip_id(scene: Scene) -> dict[str, object]:
    return {"said": scene.esptool("chip-id")}


def ask_flash_id(scene: Scene) -> dict[str, object]:
    return {"said": scene.esptool("-b", "460800", "flash-id")}


def ask_mac(scene: Scene) -> dict[str, object]:
    return {"said": scene.esptool("--no-stub", "read-mac"), "mac": mac_of(scene.board.flash_path)}


def ask_security_info(scene: Scene) -> dict[str, object]:
    return {"said": scene.esptool("--no-stub", "get-security-info")}


def read_memory(scene: Scene) -> dict[str, object]:
    said = scene.esptool("--no-stub", "read-mem", "0x40001000")
    return {"said": said, "log": scene.board.log}


def write_compressed(scene: Scene) -> dict[str, object]:
    scene.esptool("-b", "921600", "write-flash", "0x10000", scene.file("old", OLD))
    return {"flash": scene.board.flash(0x10000, len(OLD))}


def diff_with(scene: Scene) -> dict[str, object]:
    scene.holding(0x10000, OLD)
    old, new = scene.file("old", OLD), scene.file("new", NEW)
    said = scene.esptool("-b", "921600", "write-flash", "0x10000", new, "--diff-with", old)
    return {"flash": scene.board.flash(0x10000, len(NEW)), "said": said}


def skip_flashed(scene: Scene) -> dict[str, object]:
    scene.holding(0x10000, OLD)
    said = scene.esptool("write-flash", "--skip-flashed", "0x10000", scene.file("old", OLD))
    return {"said": said, "log": scene.board.log, "flash": scene.board.flash(0x10000, len(OLD))}


def write_uncompressed(scene: Scene) -> dict[str, object]:
    raw = scene.file("raw", RAW)
    scene.esptool("-b", "460800", "write-flash", "-u", "0x1000", raw)
    return {"flash": scene.board.flash(0x1000, len(RAW)), "log": scene.board.log}


def verify(scene: Scene) -> dict[str, object]:
    scene.holding(0x1000, RAW)
    raw = scene.file("raw", RAW)
    return {"said": scene.esptool("-b", "921600", "verify-flash", "0x1000", raw)}


def read(scene: Scene) -> dict[str, object]:
    scene.holding(0x1000, RAW)
    out = scene.folder / "read"
    scene.esptool("-b", "921600", "read-flash", "0xfff", str(len(RAW) + 2), str(out))
    return {"read": out.read_bytes()}


def write_without_stub(scene: Scene) -> dict[str, object]:
    small = scene.file("small", SMALL)
    scene.esptool("--no-stub", "-b", "460800", "write-flash", "0x3f0000", small)
    return {"flash": scene.board.flash(0x3F0000, SECTOR), "log": scene.board.log}


def write_compressed_without_stub(scene: Scene) -> dict[str, object]:
    old = scene.file("old", OLD)
    scene.esptool("--no-stub", "write-flash", "--compress", "0x10000", old)
    return {"flash": scene.board.flash(0x10000, len(OLD)), "log": scene.board.log}


def verify_without_stub(scene: Scene) -> dict[str, object]:
    scene.holding(0x3F0000, SMALL)
    small = scene.file("small", SMALL)
    return {"said": scene.esptool("--no-stub", "verify-flash", "0x3f0000", small)}


def read_without_stub(scene: Scene) -> dict[str, object]:
    scene.holding(0x3F0000, SMALL)
    out = scene.folder / "read"
    scene.esptool("--no-stub", "read-flash", "0x3f0001", "130", str(out))
    return {"read": out.read_bytes()}


def erase_region(scene: Scene) -> dict[str, object]:
    scene.holding(0x1F000, bytes(0x14000))
    scene.esptool("erase-region", "0x20000", "0x12000")
    return {"flash": scene.board.flash(0x1F000, 0x14000)}


def erase_all(scene: Scene) -> dict[str, object]:
    scene.holding(0, bytes(4 << 20))
    scene.esptool("erase-flash")
    return {"flash": scene.board.flash(0, 4 << 20)}


def load_ram(scene: Scene) -> dict[str, object]:
    program = scene.file("program", image(PRINTS_OK))
    scene.esptool("--no-stub", "--after", "no-reset", "load-ram", program)
    client = RawClient(scene.board)
    heard = client.wait_heard(b"OK\nOK\n")
    client.close()
    return {"heard": heard, "log": scene.board.log}


SCENARIOS: tuple[Callable[[Scene], dict[str, object]], ...] = (
    write_compressed,
    diff_with,
    skip_flashed,
    write_uncompressed,
    verify,
    read,
    write_without_stub,
    write_compressed_without_stub,
    verify_without_stub,
    read_without_stub,
    erase_region,
    erase_all,
    load_ram,
    read_memory,
    ask_chip_id,
    ask_flash_id,
    ask_mac,
    ask_security_info,
)


def play(scenario: Callable[[Scene], dict[str, object]], folder: Path) -> dict[str, object]:
    board = ServedBoard(folder / "flash.bin")
    try:
        return scenario(Scene(board, folder))
    finally:
        board.close()


@pytest.fixture(scope="module")
def played(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Mapping[str, Future[dict[str, object]]]]:
    with ThreadPoolExecutor(len(SCENARIOS)) as pool:
        yield {
            scenario.__name__: pool.submit(play, scenario, tmp_path_factory.mktemp("board"))
            for scenario in SCENARIOS
        }
        pool.shutdown(wait=False, cancel_futures=True)


Played = Mapping[str, "Future[dict[str, object]]"]


def said(played: Played, name: str, key: str = "said") -> str:
    return str(played[name].result()[key])


# --- tests ---


def test_write_flash_compressed(played: Played) -> None:
    assert played["write_compressed"].result()["flash"] == OLD


def test_diff_with_writes_the_changed_sector_only(played: Played) -> None:
    assert played["diff_with"].result()["flash"] == NEW
    assert "Hash of data verified" in said(played, "diff_with")
    assert "Wrote 4096 bytes" in said(played, "diff_with")


def test_skip_flashed_writes_nothing(played: Played) -> None:
    assert played["skip_flashed"].result()["flash"] == OLD
    assert "FLASH_DEFL_BEGIN" not in said(played, "skip_flashed", "log")


def test_write_flash_uncompressed(played: Played) -> None:
    assert played["write_uncompressed"].result()["flash"] == RAW
    log = said(played, "write_uncompressed", "log")
    assert "stub loader: FLASH_DATA" in log
    assert "baud rate 460800" in log


def test_verify_flash(played: Played) -> None:
    assert "Verification successful" in said(played, "verify")


def test_read_flash(played: Played) -> None:
    assert played["read"].result()["read"] == b"\xff" + RAW + b"\xff"


def test_write_flash_without_stub_beyond_two_megabytes(played: Played) -> None:
    assert played["write_without_stub"].result()["flash"] == SMALL.ljust(SECTOR, b"\xff")
    assert "download mode: FLASH_DATA" in said(played, "write_without_stub", "log")


def test_write_flash_compressed_without_stub(played: Played) -> None:
    assert played["write_compressed_without_stub"].result()["flash"] == OLD
    log = said(played, "write_compressed_without_stub", "log")
    assert "download mode: FLASH_DEFL_DATA" in log


def test_verify_and_read_flash_without_stub(played: Played) -> None:
    assert "Verification successful" in said(played, "verify_without_stub")
    assert played["read_without_stub"].result()["read"] == SMALL[1:131]


def test_erase_region_erases_the_region(played: Played) -> None:
    expected = bytes(0x1000) + b"\xff" * 0x12000 + bytes(0x1000)
    assert played["erase_region"].result()["flash"] == expected


def test_erase_flash_erases_everything(played: Played) -> None:
    flash = played["erase_all"].result()["flash"]
    assert isinstance(flash, bytes)
    assert not flash.strip(b"\xff")


def test_chip_id(played: Played) -> None:
    assert "ESP32-C3 (QFN32) (revision v0.4)" in said(played, "ask_chip_id")


def test_flash_id(played: Played) -> None:
    text = said(played, "ask_flash_id")
    assert "Manufacturer: 20" in text
    assert "Detected flash size: 4MB" in text


def test_read_mac(played: Played) -> None:
    mac = played["ask_mac"].result()["mac"]
    assert isinstance(mac, bytes)
    assert mac.hex(":") in said(played, "ask_mac")


def test_get_security_info(played: Played) -> None:
    text = said(played, "ask_security_info")
    assert "Chip ID: 5" in text
    assert "Secure Boot: Disabled" in text


def test_read_mem_and_the_hard_reset_at_the_end(played: Played) -> None:
    assert "0x40001000 = 0x1b31506f" in said(played, "read_memory")
    after = said(played, "read_memory", "log").rpartition("READ_REG\n")[2].splitlines()
    assert after[:2] == ["EN low: held in reset", "reset: POWERON, flash boot"]


def test_load_ram_runs_the_program(played: Played) -> None:
    heard = played["load_ram"].result()["heard"]
    assert isinstance(heard, bytes)
    assert b"OK\nOK\n" in heard
    assert "a RAM program runs at 0x40380000" in said(played, "load_ram", "log")
