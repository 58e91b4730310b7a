"""Real compilers' output on the machine: it boots, keeps time, answers, crashes and is reset."""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fbuild_watch.model import Image
from fbuild_watch.virtual.cpu import ResetCause
from tests.real.c3_kit import PROBE, TOOLCHAINS, Powered, built, copied, flashed

BANNER = (
    r"ESP-ROM:esp32c3-api1-20210207\r\n"
    r"Build:Feb  7 2021\r\n"
    r"rst:0x1 \(POWERON\),boot:0xd \(SPI_FAST_FLASH_BOOT\)\r\n"
    r"SPIWP:0xee\r\n"
    r"mode:DIO, clock div:1\r\n"
    r"load:0x3fcd0000,len:0x[0-9a-f]+\r\n"
    r"load:0x403c0000,len:0x[0-9a-f]+\r\n"
    r"entry 0x403c0000\r\n"
    r"boot: factory at 0x00010000\r\n"
)


@pytest.fixture(scope="module", params=TOOLCHAINS)
def toolchain(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def hello(tmp_path_factory: pytest.TempPathFactory, toolchain: str) -> Image:
    return built(copied(tmp_path_factory.mktemp("hello") / "p", toolchain))


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory, toolchain: str) -> Image:
    return built(copied(tmp_path_factory.mktemp("probe") / "p", toolchain, PROBE))


@pytest.fixture
def probing(probe: Image) -> Powered:
    board = Powered(probe)
    board.until(r"mailbox 0x3fc\w+\n")
    return board


# --- the example ---


def test_it_boots_and_ticks_on_time(hello: Image) -> None:
    board = Powered(hello)
    board.until(rf"\A{BANNER}hello\r\ntick 1\ntick 2\ntick 3\n", seconds=4)
    started = board.times["hello"]
    assert started < 0.05
    for tick in (1, 2, 3):
        assert board.times[f"tick {tick}"] - started == pytest.approx(tick, abs=0.011)
    assert board.resets == []


def test_it_echoes_at_once(hello: Image) -> None:
    board = Powered(hello)
    board.until("tick 1\n")
    board.run(0.5)
    before = board.now
    board.send("x")
    board.until("x")
    assert board.now - before < 0.001


def test_it_loses_nothing_of_a_long_paste(hello: Image) -> None:
    board = Powered(hello)
    board.until("hello\r\n")
    sent = "".join(chr(33 + i % 90) for i in range(2000))
    board.send(sent)
    board.run(0.9)
    assert board.text == sent


def test_it_blinks(hello: Image) -> None:
    board = Powered(hello)
    levels = set()
    for _ in range(400):
        board.run(0.005)
        levels.add((board.machine.read_word(0x60004004) or 0) >> 8 & 1)
    assert levels == {0, 1}


def test_an_idle_firmware_costs_the_host_little(hello: Image) -> None:
    board = Powered(hello)
    board.until("tick 1\n")
    begun, from_ = time.process_time(), board.now
    board.run(20.0)
    assert (time.process_time() - begun) / (board.now - from_) < 0.05


def test_esptool_finds_the_images_good(hello: Image, tmp_path: Path) -> None:
    for region in hello.regions:
        if region.name == "partitions":
            continue
        path = tmp_path / f"{region.name}.bin"
        path.write_bytes(region.data)
        ran = subprocess.run(
            [sys.executable, "-m", "esptool", "image-info", str(path)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "Checksum: " in ran.stdout
        assert ran.stdout.count("(valid)") == 2
        assert "Chip ID: 5 (ESP32-C3)" in ran.stdout


# --- the bootloader ---


def regions(hello: Image) -> dict[int, bytes]:
    return {region.offset: region.data for region in hello.regions}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({0x8000: b""}, "boot: no partition table at 0x00008000, resetting\r\n"),
        ({0x10000: b""}, "boot: no app at 0x00010000, resetting\r\n"),
        ({0x8000: b"\xaa\x50\x01\x02"}, "boot: no app in the partition table at 0x00008020, "),
    ],
    ids=["no table", "no app", "no app entry"],
)
def test_it_says_what_is_missing_and_tries_again(
    hello: Image, change: dict[int, bytes], words: str
) -> None:
    board = Powered(flashed(regions(hello) | change))
    board.until(words)
    board.run(2.5)
    assert board.resets[:2] == [ResetCause.RTC_SW_SYS] * 2
    assert len(board.resets) == 2


def test_it_refuses_a_damaged_app(hello: Image) -> None:
    app = bytearray(regions(hello)[0x10000])
    app[0x2000 // 2] ^= 0x10
    board = Powered(flashed(regions(hello) | {0x10000: bytes(app)}))
    board.until("boot: the app's checksum is wrong at 0x00010000, resetting\r\n")


def test_it_refuses_an_app_that_would_overwrite_it(hello: Image) -> None:
    app = bytearray(regions(hello)[0x10000])
    app[24:28] = struct.pack("<I", 0x403C0000)
    board = Powered(flashed(regions(hello) | {0x10000: bytes(app)}))
    board.until("boot: bad segment in the app at 0x00010020, resetting\r\n")


def test_it_boots_ota_0_where_there_is_no_factory(hello: Image) -> None:
    entry = struct.pack("<HBBII16sI", 0x50AA, 0, 0x10, 0x200000, 0x100000, b"ota_0", 0)
    moved = regions(hello)
    moved |= {0x8000: entry, 0x200000: moved.pop(0x10000)}
    Powered(flashed(moved)).until(r"boot: ota_0 at 0x00200000\r\nhello\r\n")


def test_a_damaged_bootloader_loops_in_the_rom(hello: Image) -> None:
    damaged = bytearray(regions(hello)[0])
    damaged[0x40] ^= 1
    board = Powered(flashed(regions(hello) | {0: bytes(damaged)}))
    board.until(r"Checksum failure. Calculated 0x\w\w stored 0x\w\w\r\nets_main.c 333 \r\n")
    board.until(r"rst:0x7 \(TG0WDT_SYS_RST\)")
    board.run(2.0)
    assert len(board.resets) == 4


# --- what a sketch can do ---


def test_memory_is_set_up(probing: Powered) -> None:
    probing.send("m")
    probing.until(r"\Aconstructed 42 initialised 7\nbss 0\nheap\r\ntoo much\r\nreused\r\n")


def test_numbers_are_printed_as_arduino_does(probing: Powered) -> None:
    probing.send("n")
    probing.until(
        r"\A-42\r\nFF\r\n101\r\nFFFFFFFF\r\n4294967295\r\n-9223372036854775808\r\n"
        r"3.14\r\n-2\r\n0.333333\r\nc\r\n2.50\r\n4\r\n57\r\n"
    )


def test_delay_takes_its_time_and_no_more(probing: Powered) -> None:
    before = probing.now
    probing.send("c")
    milliseconds, microseconds = map(int, probing.until(r"(\d+) ms (\d+) us\n").groups())
    assert milliseconds in (1500, 1501)
    assert 1_500_250 <= microseconds <= 1_502_500
    assert probing.now - before == pytest.approx(1.50025, abs=0.005)


def test_pins(probing: Powered) -> None:
    probing.send("p")
    probing.until(r"\A1 0 1\n")


@pytest.mark.parametrize(
    ("command", "word", "baud"), [("b", "fast", 921600), ("9", "usual", 9600), ("s", "slow", 1200)]
)
def test_the_rate_is_set(probing: Powered, command: str, word: str, baud: int) -> None:
    probing.send(command)
    probing.until(word)
    assert probing.machine.uart.baud == pytest.approx(baud, rel=0.01)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("0", r"Guru Meditation Error: Core  0 panic'ed \(Instruction access fault\)"),
        ("l", r"Guru Meditation Error: Core  0 panic'ed \(Load access fault\)"),
        ("a", r"abort\(\) was called at PC 0x403\w{5} on core 0"),
    ],
)
def test_a_crash_is_reported_and_restarts(probing: Powered, command: str, reason: str) -> None:
    probing.send(command)
    probing.until(reason)
    registers = probing.until(r"MEPC +: 0x(\w{8})  RA +: 0x(\w{8})")
    if command == "0":
        assert registers[1] == "00000000"
        assert 0x40380000 < int(registers[2], 16) < 0x403A0000
    probing.until(r"Stack memory:\r\n3fcc")
    digest = probing.until(r"ELF file SHA256: (\w{16})")[1]
    assert digest != "0" * 16
    probing.until(r"Rebooting...\r\n")
    probing.until(r"rst:0x3 \(RTC_SW_SYS_RST\),boot:0xd \(SPI_FAST_FLASH_BOOT\)\r\nSaved PC:0x")
    probing.until(r"mailbox 0x")


def test_a_watchdog_bites_a_firmware_that_hangs(probing: Powered) -> None:
    before = probing.now
    probing.send("w")
    probing.until(r"rst:0x9 \(RTCWDT_SYS_RST\)")
    assert probing.now - before == pytest.approx(0.1, abs=0.01)


def test_a_software_reset(probing: Powered) -> None:
    probing.send("r")
    probing.until(r"rst:0x3 \(RTC_SW_SYS_RST\)")
    probing.until(r"mailbox 0x")


def test_an_edit_moves_only_the_projects_own_sectors(
    hello: Image, toolchain: str, tmp_path: Path
) -> None:
    folder = copied(tmp_path / "p", toolchain)
    main = folder / "src" / "main.cpp"
    main.write_text(
        main.read_text().replace(
            "blink(now);", 'blink(now);\n  if (now == 77) { Serial.println("a longer text"); }'
        )
    )
    old, new = regions(hello)[0x10000], regions(built(folder))[0x10000]
    sectors = range(0, max(len(old), len(new)), 4096)
    changed = [at for at in sectors if old[at : at + 4096] != new[at : at + 4096]]
    framework_text = 0x1000
    assert old[:24] == new[:24]
    assert old[framework_text : framework_text + 0x800] == new[framework_text:][:0x800]
    assert len(changed) <= 2
