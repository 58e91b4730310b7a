"""The unmodified esptool, and `fbuild flash`, against each kind of virtual board.

The ESP32-C3 devkit has test_virtual_esptool.py. Each board has a process of its own and tells its
story once; the stories run side by side and the tests look at what came of them.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from fbuild_watch import flash
from fbuild_watch.model import Image, Region
from fbuild_watch.serial import open_port
from fbuild_watch.virtual.host import mac_of
from tests.faults import ButtonHeld
from tests.real.conftest import FaultyServedBoard, ServedBoard
from tests.real.esptool_cli import RUN_SECONDS, esptool, said

AT_ONCE = 4
RAW = random.Random(1).randbytes(12_345)
PACKED = b"compressible " * 3000
SMALL = random.Random(2).randbytes(5000)
OLD = ("esp32", "esp8266")


@dataclass
class Told:
    """What came of a story."""

    said: Mapping[str, str]
    flash: Mapping[str, bytes]
    log: str
    mac: bytes


def flash_with_fbuild(board: ServedBoard, offset: int, data: bytes) -> str:
    """Run `fbuild flash --image`; returns its JSON."""
    path = board.flash_path.with_suffix(".image")
    path.write_bytes(data)
    command = [sys.executable, "-m", "fbuild_watch", "flash", "--json", "--port", board.url]
    done = subprocess.run(
        [*command, "--image", f"{offset:#x}={path}"],
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    return done.stdout


def tell(board: ServedBoard) -> Told:
    """Do with the board what can be done with both an ESP32 and an ESP8266."""
    heard, flash = {}, {}
    heard["chip-id"] = said(board, "chip-id")
    heard["read-mac"] = said(board, "--no-stub", "read-mac")
    heard["flash-id"] = said(board, "-b", "460800", "flash-id")
    heard["flash-id in ROM"] = said(board, "--no-stub", "flash-id")
    said(board, "-b", "921600", "write-flash", "0x10000", PACKED, "0x20000", RAW)
    flash["packed"], flash["raw"] = (
        board.flash(0x10000, len(PACKED)),
        board.flash(0x20000, len(RAW)),
    )
    heard["verify"] = said(board, "-b", "460800", "verify-flash", "0x10000", PACKED)
    out = board.flash_path.with_suffix(".read")
    said(board, "-b", "921600", "read-flash", "0x1ffff", str(len(RAW) + 2), str(out))
    flash["read"] = out.read_bytes()
    said(board, "--no-stub", "write-flash", "0x3fd000", SMALL)
    flash["small"] = board.flash(0x3FC000, 0x4000)
    heard["fbuild"] = flash_with_fbuild(board, 0x30000, SMALL)
    flash["fbuild"] = board.flash(0x30000, len(SMALL))
    heard["fbuild again"] = flash_with_fbuild(board, 0x30000, SMALL)
    return Told(heard, flash, board.log, mac_of(board.flash_path))


def tell_esp32(board: ServedBoard) -> Told:
    """What only an ESP32's ROM can do beside that: rate, digests, compression, slow reads."""
    heard, flash = {}, {}
    said(board, "--no-stub", "-b", "460800", "write-flash", "--compress", "0x3f0000", PACKED)
    flash["packed"] = board.flash(0x3F0000, len(PACKED))
    heard["verify"] = said(board, "--no-stub", "verify-flash", "0x3f0000", PACKED[:1000])
    heard["wrong"] = esptool(board, "verify-flash", "0x3f0000", RAW).stdout
    return Told(heard, flash, board.log, b"")


def tell_usb(board: ServedBoard) -> Told:
    """What a C3 does on its own USB port, plugged in with BOOT held."""
    heard = {}
    said(board, "--before", "usb-reset", "read-mac")
    heard["after a hard reset"] = last(board, "reset: ")
    said(board, "--before", "usb-reset", "--after", "watchdog-reset", "read-mac")
    heard["after the watchdog"] = last(board, "reset: RTCWDT")
    said(board, "--before", "usb-reset", "-b", "921600", "write-flash", "0x10000", PACKED)
    heard["at the end"] = last(board, "reset: USB")
    heard["classic"] = esptool(board, "--connect-attempts", "1", "read-mac").stdout
    return Told(heard, {"packed": board.flash(0x10000, len(PACKED))}, board.log, b"")


def last(board: ServedBoard, start: str) -> str:
    """Return the board's last word that starts so; erased, it is reset again and again."""
    return [line for line in board.log.splitlines() if line.startswith(start)][-1]


def play(story: Callable[[ServedBoard], Told], make: Callable[[], ServedBoard]) -> Told:
    board = make()
    try:
        return story(board)
    finally:
        board.close()


Stories = Mapping[str, "Future[Told]"]


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stories]:
    folder = tmp_path_factory.mktemp("boards")

    def served(chip: str, name: str) -> Callable[[], ServedBoard]:
        return lambda: ServedBoard(folder / f"{name}.bin", chip=chip)

    def held(path: Path) -> Callable[[], ServedBoard]:
        return lambda: FaultyServedBoard(path, "fast", "esp32c3-usb", [ButtonHeld()], 0)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            "esp32": pool.submit(play, tell, served("esp32", "esp32")),
            "esp8266": pool.submit(play, tell, served("esp8266", "esp8266")),
            "usb": pool.submit(play, tell_usb, held(folder / "usb.bin")),
            "esp32's ROM": pool.submit(play, tell_esp32, served("esp32", "rom")),
        }
        pool.shutdown(wait=False, cancel_futures=True)


@pytest.fixture(params=OLD)
def told(request: pytest.FixtureRequest, stories: Stories) -> Told:
    return stories[request.param].result()


# --- both old chips ---


def test_chip_id_names_the_chip(stories: Stories) -> None:
    assert "ESP32-D0WD-V3 (revision v3.1)" in stories["esp32"].result().said["chip-id"]
    assert "40MHz" in stories["esp32"].result().said["chip-id"]
    esp8266 = stories["esp8266"].result()
    assert "ESP8266EX" in esp8266.said["chip-id"]
    assert "26MHz" in esp8266.said["chip-id"]
    assert f"Chip ID: 0x00{esp8266.mac[3:].hex()}" in esp8266.said["chip-id"]


def test_read_mac(told: Told) -> None:
    assert told.mac.hex(":") in told.said["read-mac"]


def test_flash_id_with_the_stub_and_in_rom(told: Told, request: pytest.FixtureRequest) -> None:
    maker = {"esp32": "c8", "esp8266": "ef"}[request.node.callspec.params["told"]]
    for name in ("flash-id", "flash-id in ROM"):
        assert f"Manufacturer: {maker}" in told.said[name]
        assert "Detected flash size: 4MB" in told.said[name]


def test_write_flash_with_the_stub_at_another_rate(told: Told) -> None:
    assert told.flash["packed"] == PACKED
    assert told.flash["raw"] == RAW
    assert "baud rate 921600" in told.log


def test_verify_flash(told: Told) -> None:
    assert "Verification successful" in told.said["verify"]


def test_read_flash(told: Told) -> None:
    assert told.flash["read"] == b"\xff" + RAW + b"\xff"


def test_write_flash_without_stub(told: Told) -> None:
    """Three sectors at the end of flash; what lies before them is erased by nobody's mistake."""
    assert told.flash["small"] == b"\xff" * 0x1000 + SMALL.ljust(0x3000, b"\xff")
    assert "download mode: FLASH_DATA" in told.log


def test_fbuild_flashes_it(told: Told) -> None:
    assert json.loads(told.said["fbuild"])["ok"] is True, told.said["fbuild"]
    assert told.flash["fbuild"] == SMALL


def test_fbuild_finds_it_flashed(told: Told) -> None:
    report = json.loads(told.said["fbuild again"])
    assert report["ok"] is True, report
    assert [region["state"] for region in report["regions"]] == ["unchanged"]


def test_the_board_says_that_it_boots_and_nothing_runs(told: Told) -> None:
    assert told.log.count("reset: RTCWDT_RTC_RST, flash boot") > 0, "erased at 0 and 0x1000"


# --- ESP32 ---


def test_the_esp32s_rom_writes_compressed_above_two_megabytes(stories: Stories) -> None:
    told = stories["esp32's ROM"].result()
    assert told.flash["packed"] == PACKED
    assert "download mode: FLASH_DEFL_DATA" in told.log


def test_the_esp32s_rom_takes_its_digests(stories: Stories) -> None:
    told = stories["esp32's ROM"].result()
    assert "Verification successful" in told.said["verify"]
    assert "Verification failed" in told.said["wrong"]


def test_the_esp32s_rom_is_asked_for_a_rate_that_comes_out_right(stories: Stories) -> None:
    """The request is corrected by what the ROM takes its crystal for, and rounded."""
    assert "baud rate 460800" in stories["esp32's ROM"].result().log


# --- USB ---


def test_a_hard_reset_over_usb_does_not_leave_a_download_mode_entered_by_hand(
    stories: Stories,
) -> None:
    heard = stories["usb"].result().said["after a hard reset"]
    assert heard == "reset: USB_UART_CHIP_RESET, download mode"


def test_the_watchdog_leaves_it(stories: Stories) -> None:
    heard = stories["usb"].result().said["after the watchdog"]
    assert heard == "reset: RTCWDT_RTC_RST, flash boot"


def test_usb_reset_flashes_and_hard_reset_runs(stories: Stories) -> None:
    told = stories["usb"].result()
    assert told.flash["packed"] == PACKED
    assert told.said["at the end"] == "reset: USB_UART_CHIP_RESET, flash boot"


def test_the_classic_reset_means_nothing_over_usb(stories: Stories) -> None:
    classic = stories["usb"].result().said["classic"]
    assert "Connecting" in classic
    assert "Chip type" not in classic


async def test_fbuild_flashes_over_usb(virtual_board: Callable[..., ServedBoard]) -> None:
    """Over RFC 2217 nobody sees what the port is: the way into the bootloader has to be named."""
    board = virtual_board(chip="esp32c3-usb")
    image = Image((Region("app", 0x10000, RAW),), chip="esp32c3")
    port = await open_port(board.url, flash.ROM_BAUD)
    try:
        report = await flash.flash(
            port.blocking(),
            image,
            name=board.url,
            write_baud=flash.DEFAULT_BAUD,
            run_baud=flash.ROM_BAUD,
            reset="usb-jtag",
        )
    finally:
        await port.aclose()
    assert [region.state for region in report.regions] == ["written"]
    assert board.flash(0x10000, len(RAW)) == RAW
