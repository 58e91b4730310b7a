"""verify, erase, read and reset, on the virtual board: what is said, what is done, what is not."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
import trio

from fbuild_watch.image import partitions
from fbuild_watch.image.flasher_args import FlashFile, encode
from fbuild_watch.model import FlashSettings
from fbuild_watch.virtual.host import mac_of
from tests.real.conftest import ServedBoard
from tests.real.program import run

TABLE = "nvs,data,nvs,,0x6000\nfactory,app,factory,0x10000,1M\nfiles,data,littlefs,,64K\n"
FILLED = bytes(range(1, 256)) * 2056  # no 0xFF in it
PARTS = {
    0x8000: partitions.encode(partitions.parse(TABLE, "t.csv")),
    0x9000: FILLED[:0x6000],
    0x10000: FILLED[:0x5432],
    0x110000: FILLED[:0x10000],
}


@pytest.fixture
def board(tmp_path: Path, virtual_board: Callable[..., ServedBoard]) -> Iterator[ServedBoard]:
    """A board that holds PARTS; nothing must change them but what a test asks for."""
    flash = bytearray(b"\xff" * (4 << 20))
    for offset, data in PARTS.items():
        flash[offset : offset + len(data)] = data
    path = tmp_path / "board.bin"
    path.write_bytes(flash)
    return virtual_board(path)


def images(tmp_path: Path, **parts: tuple[int, bytes]) -> list[str]:
    """--image options for these parts."""
    options = []
    for name, (offset, data) in parts.items():
        (tmp_path / f"{name}.bin").write_bytes(data)
        options += ["--image", f"{offset:#x}={tmp_path / name}.bin"]
    return options


async def test_verify_says_yes(board: ServedBoard, tmp_path: Path, env: dict[str, str]) -> None:
    options = images(tmp_path, app=(0x10000, PARTS[0x10000]), table=(0x8000, PARTS[0x8000]))
    before = board.flash_path.read_bytes()
    code, out, words = await run("verify", *options, "--port", board.url, env=env)
    assert code == 0, words
    assert [line.split()[-1] for line in out.splitlines()] == ["same", "same"]
    assert "holds the image" in words
    assert board.flash_path.read_bytes() == before


async def test_verify_names_what_differs(
    board: ServedBoard, tmp_path: Path, env: dict[str, str]
) -> None:
    wrong = bytearray(PARTS[0x10000])
    wrong[-1] ^= 1
    options = images(tmp_path, app=(0x10000, bytes(wrong)), table=(0x8000, PARTS[0x8000]))
    before = board.flash_path.read_bytes()
    code, out, _ = await run("verify", *options, "--port", board.url, "--json", env=env)
    said = json.loads(out)
    assert code == 57
    assert (said["ok"], said["chip"]) == (False, "ESP32-C3")
    assert [(region["name"], region["state"]) for region in said["regions"]] == [
        ("table", "same"), ("app", "different"),
    ]  # fmt: skip
    assert said["error"]["code"] == "flash-differs"
    assert set(said["phases"]) == {"connected", "checked"}
    code, out, words = await run("verify", *options, "--port", board.url, env=env)
    assert code == 57
    assert "1 of 2 regions: app" in words
    assert board.flash_path.read_bytes() == before


async def test_verify_of_what_cannot_be_there(
    board: ServedBoard, tmp_path: Path, env: dict[str, str]
) -> None:
    options = images(tmp_path, app=(0x3FF000, b"x" * 4097))
    code, out, _ = await run("verify", *options, "--port", board.url, "--json", env=env)
    assert code == 32
    assert json.loads(out)["error"]["code"] == "image-too-big"


async def test_verify_looks_at_the_chip(
    board: ServedBoard, tmp_path: Path, env: dict[str, str]
) -> None:
    build = tmp_path / ".fbuild" / "build" / "e"
    build.mkdir(parents=True)
    (tmp_path / "platformio.ini").write_text("[env:e]\nboard = a:b:c\n")
    files = (FlashFile("app", 0x10000, "app.bin"),)
    (build / "flasher_args.json").write_bytes(encode(files, "esp32", FlashSettings()))
    (build / "app.bin").write_bytes(PARTS[0x10000])
    code, _, words = await run("verify", str(tmp_path), "--no-build", "--port", board.url, env=env)
    assert code == 52
    assert "is esp32c3, the image is for esp32" in words


async def test_the_board_that_a_project_names_is_the_only_one_that_is_flashed(
    board: ServedBoard, tmp_path: Path, env: dict[str, str]
) -> None:
    build = tmp_path / ".fbuild" / "build" / "e"
    build.mkdir(parents=True)
    files = (FlashFile("app", 0x10000, "app.bin"),)
    (build / "flasher_args.json").write_bytes(encode(files, "esp32c3", FlashSettings()))
    (build / "app.bin").write_bytes(b"\x01" * 4096)
    ini = tmp_path / "platformio.ini"
    mac = mac_of(board.flash_path).hex(":")
    here = (str(tmp_path), "--no-build", "--port", board.url)

    ini.write_text("[env:e]\nboard = a:b:c\ncustom_fbuild_mac = 7c:df:a1:00:00:0f\n")
    before = board.flash_path.read_bytes()
    for name in ("flash", "verify"):
        code, _, words = await run(name, *here, env=env)
        assert code == 93, words
        assert mac in words
    assert board.flash_path.read_bytes() == before
    code, out, words = await run("flash", *here, "--mac", mac, env=env)
    assert code == 0, words  # what is said on the command line goes before the project
    assert ", 1 sector\n" in out
    code, _, words = await run("flash", *here, "--mac", mac[:-1], env=env)
    assert (code, "is no MAC" in words) == (2, True)

    ini.write_text("[env:e]\nboard = a:b:c\ncustom_fbuild_reset = sideways\n")
    code, _, words = await run("verify", *here, env=env)
    assert (code, f"{ini}:3" in words) == (10, True), words
    ini.write_text("[env:e]\nboard = a:b:c\ncustom_fbuild_reset = none\n")
    code, _, words = await run("verify", *here, env=env)
    assert code == 51, words  # nobody has brought it into its bootloader
    ini.write_text(f"[env:e]\nboard = a:b:c\ncustom_fbuild_mac = {mac}\n")
    code, _, words = await run("verify", *here, env=env)
    assert code == 0, words


async def test_erase_of_a_region_erases_that_region(
    board: ServedBoard, env: dict[str, str]
) -> None:
    arguments = ("erase", "--region", "files", "--port", board.url)
    before = board.flash_path.read_bytes()
    code, out, words = await run(*arguments, env=env)
    assert code == 61
    assert "--yes" in words
    assert board.flash_path.read_bytes() == before
    code, out, words = await run(*arguments, "--yes", "--json", env=env)
    assert code == 0, words
    said = json.loads(out)
    assert said["regions"] == [{"name": "files", "offset": 0x110000, "size": 0x10000}]
    assert set(said["phases"]) == {"connected", "erased", "verified"}
    after = board.flash_path.read_bytes()
    assert after[0x110000:0x120000] == b"\xff" * 0x10000
    assert after[:0x110000] + after[0x120000:] == before[:0x110000] + before[0x120000:]


async def test_erase_of_everything_and_of_what_is_not_there(
    board: ServedBoard, env: dict[str, str]
) -> None:
    code, _, words = await run("erase", "--region", "nope", "--yes", "--port", board.url, env=env)
    assert code == 58
    assert "nvs, factory, files" in words
    assert board.flash(0x9000, 0x6000) == PARTS[0x9000]
    code, out, words = await run("erase", "--yes", "--port", board.url, env=env)
    assert code == 0, words
    assert board.flash_path.read_bytes() == b"\xff" * (4 << 20)
    assert out.split()[0] == "flash"
    code, _, words = await run("erase", "--region", "nvs", "--yes", "--port", board.url, env=env)
    assert code == 58
    assert "no readable partition table" in words


@pytest.mark.parametrize(("answer", "erased"), [("n", False), ("y", True)])
def test_erase_asks_on_a_terminal(
    board: ServedBoard, env: dict[str, str], answer: str, erased: bool
) -> None:
    arguments = ["-m", "fbuild_watch", "erase", "--region", "nvs", "--port", board.url]
    child = pexpect.spawn(sys.executable, arguments, env=env, timeout=30)
    child.expect("erase nvs of the board on .*cannot be undone.*N")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus == 0) is erased
    assert (board.flash(0x9000, 0x6000) == b"\xff" * 0x6000) is erased


async def test_read_gives_the_bytes(
    board: ServedBoard, tmp_path: Path, env: dict[str, str]
) -> None:
    file = tmp_path / "out.bin"
    code, _, words = await run("read", "64K", "0x5432", str(file), "--port", board.url, env=env)
    assert code == 0, words
    assert file.read_bytes() == PARTS[0x10000]
    file.unlink()
    code, _, words = await run("read", "0x3ff000", "8K", str(file), "--port", board.url, env=env)
    assert code == 59
    assert "(0x400000)" in words
    assert not file.exists()
    code, _, words = await run("read", "-1", "8K", str(file), "--port", board.url, env=env)
    assert code == 2


async def test_reset_restarts_or_stays_in_the_bootloader(
    board: ServedBoard, env: dict[str, str]
) -> None:
    code, _, words = await run("reset", "--bootloader", "--port", board.url, env=env)
    assert code == 0, words
    assert "is in its bootloader" in words
    assert await answers_as_bootloader(board)
    code, _, words = await run("reset", "--port", board.url, env=env)
    assert code == 0
    assert "was restarted" in words
    assert not await answers_as_bootloader(board)
    code, _, words = await run("reset", "--port", f"socket://127.0.0.1:{board.port}", env=env)
    assert code == 46
    assert "no DTR and RTS lines" in words


async def answers_as_bootloader(board: ServedBoard) -> bool:
    """Whether esptool's command line finds a bootloader without a reset."""
    command = [sys.executable, "-m", "esptool", "--port", board.url, "--before", "no-reset",
               "--after", "no-reset", "--connect-attempts", "1", "--no-stub", "chip-id"]  # fmt: skip
    done = await trio.run_process(command, check=False, capture_stdout=True)
    return done.returncode == 0
