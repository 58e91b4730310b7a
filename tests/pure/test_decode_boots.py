"""Resets, boot loops, download mode and core dumps in a board's text."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.decode import CoreDump, Crash, Scanner
from fbuild_watch.decode.coredump import LARGEST, CoreDumps
from fbuild_watch.decode.resets import reset_in
from fbuild_watch.model import DeviceText, Notice


def scan(*lines: tuple[float, str]) -> list[Notice | Crash | CoreDump]:
    scanner = Scanner()
    return [found for at, line in lines for found in scanner.feed(DeviceText(line, True, at))]


def said(*lines: tuple[float, str]) -> list[str]:
    return [found.text for found in scan(*lines) if isinstance(found, Notice)]


def banner(name: str, number: int = 1) -> str:
    return f"rst:{number:#x} ({name}),boot:0x13 (SPI_FAST_FLASH_BOOT)"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        # ESP32
        ("POWERON_RESET", "power"), ("SW_RESET", "software"), ("OWDT_RESET", "watchdog"),
        ("DEEPSLEEP_RESET", "sleep"), ("TG0WDT_SYS_RESET", "watchdog"), ("TG1WDT_SYS_RESET", "watchdog"),
        ("RTCWDT_SYS_RESET", "watchdog"), ("TGWDT_CPU_RESET", "watchdog"), ("SW_CPU_RESET", "software"),
        ("RTCWDT_BROWN_OUT_RESET", "brown-out"), ("RTCWDT_RTC_RESET", "watchdog"),
        # ESP32-S2, S3, C3
        ("POWERON", "power"), ("RTC_SW_SYS_RST", "software"), ("DSLEEP", "sleep"),
        ("TG0WDT_SYS_RST", "watchdog"), ("TG1WDT_CPU_RST", "watchdog"), ("RTC_SW_CPU_RST", "software"),
        ("RTCWDT_BROWN_OUT_RST", "brown-out"), ("SUPER_WDT_RST", "watchdog"),
        ("GLITCH_RTC_RST", "glitch"), ("EFUSE_RST", "other"), ("USB_UART_CHIP_RESET", "host"),
        ("USB_JTAG_CHIP_RESET", "host"), ("POWER_GLITCH_RST", "glitch"),
        # ESP32-C6
        ("LP_WDT_SYS", "watchdog"), ("LP_SW_HPSYS", "software"), ("LP_BOD_SYS", "brown-out"),
        ("TG0_WDT_HPSYS", "watchdog"), ("USB_UART_HPSYS", "host"), ("SW_CPU", "software"),
    ],
)  # fmt: skip
def test_the_names_of_resets(name: str, kind: str) -> None:
    reset = reset_in(banner(name))
    assert reset is not None
    assert (reset.name, reset.kind) == (name, kind)
    assert reset.words


def test_an_esp8266_says_it_by_number() -> None:
    reset = reset_in(" ets Jan  8 2013,rst cause:4, boot mode:(3,6)")
    assert reset is not None
    assert reset.kind == "watchdog"


@pytest.mark.parametrize("name", ["POWERON_RESET", "USB_UART_CHIP_RESET"])
def test_what_needs_nobody_is_not_said(name: str) -> None:
    assert scan((0, banner(name))) == []


def test_a_brown_out_is_said() -> None:
    (found,) = scan((0, banner("RTCWDT_BROWN_OUT_RESET", 15)))
    assert found == Notice("reset: brown-out: the supply voltage dropped", "bad")


def test_the_restart_after_a_panic_is_not_said_and_one_without_is() -> None:
    restart = banner("RTC_SW_CPU_RST", 12)
    assert said((0, "Rebooting..."), (0.1, restart)) == []
    assert said((0, restart)) == ["reset: the firmware restarted itself"]


def loop_of(name: str, count: int, every: float, before: str = "") -> list[str]:
    lines = [(at * every, line) for at in range(count) for line in (before, banner(name)) if line]
    return [text for text in said(*lines) if not text.startswith("reset:")]


def test_a_boot_loop_is_said_with_what_to_do_and_then_when_it_has_doubled() -> None:
    first, second, third = loop_of("RTCWDT_BROWN_OUT_RESET", 25, 2.0)
    assert first.startswith("rebooted 5 times in 8 s: brown-out\n  its supply")
    assert second.startswith("rebooted 10 times in a row: brown-out")
    assert third.startswith("rebooted 20 times in a row: brown-out")


def test_a_loop_of_panics_is_one_and_its_reason_is_the_panic() -> None:
    (said_once,) = loop_of("RTC_SW_CPU_RST", 6, 1.0, before="Rebooting...")
    assert said_once.startswith("rebooted 5 times in 4 s: panic")


def test_the_restarts_of_our_own_flashes_are_no_loop() -> None:
    scanner = Scanner()
    for at in range(12):
        scanner.left()  # the port was lent
        assert scanner.feed(DeviceText(banner("POWERON"), True, float(at))) == []


@pytest.mark.parametrize(
    ("name", "count", "every"), [("POWERON", 4, 1.0), ("POWERON", 30, 3.0), ("DSLEEP", 30, 1.0)]
)
def test_what_is_no_loop(name: str, count: int, every: float) -> None:
    assert loop_of(name, count, every) == []


def test_a_loop_after_a_rest_is_a_new_one() -> None:
    burst = [(at, banner("POWERON")) for at in (0, 1, 2, 3, 4, 60, 61, 62, 63, 64)]
    assert len(said(*burst)) == 2


def test_an_empty_flash_is_said_once() -> None:
    found = said(*((at / 5, "invalid header: 0xffffffff") for at in range(50)))
    assert found == ["the board's flash holds no firmware where it boots from: flash it"]


def test_download_mode_is_noticed() -> None:
    (notice,) = said((0, "waiting for download"), (1, "waiting for download"))
    assert "download mode" in notice
    assert "reset button" in notice


def test_a_watchdogs_reset_tells_where_the_cpu_was() -> None:
    found = scan(
        (0, "I (1) cpu_start: ELF file SHA256:  3326b1b89c849ed8..."),
        (1, banner("TG0WDT_SYS_RST", 7)),
        (1, "Saved PC:0x42007f2a"),
    )
    (crash,) = (each for each in found if isinstance(each, Crash))
    assert crash.frames == (0x42007F2A,)
    assert crash.title == "watchdog reset (TG0WDT_SYS_RST)"
    assert crash.elf_sha256 == "3326b1b89c849ed8"


def test_the_saved_pc_of_another_reset_is_a_number() -> None:
    assert said((0, banner("POWERON")), (0, "Saved PC:0x42007f2a")) == []


def test_a_rom_names_its_chip() -> None:
    scanner = Scanner()
    for line in ("ESP-ROM:esp32c3-api1-20210207", "Build:Feb  7 2021"):
        scanner.feed(DeviceText(line, True, 0.0))
    assert (scanner.board.chip, scanner.board.rom_date) == ("esp32c3", "Feb  7 2021")
    scanner.feed(DeviceText("ets Jul 29 2019 12:21:46", True, 0.0))
    assert scanner.board.rom_date == "Jul 29 2019"


def test_a_rom_names_its_chip_behind_a_prompt() -> None:
    scanner = Scanner()
    scanner.feed(DeviceText(">>> ", False, 0.0))
    scanner.feed(DeviceText("ESP-ROM:esp32c3-api1-20210207", True, 0.0))
    assert scanner.board.chip == "esp32c3"


# --- core dumps ------------------------------------------------------------------------------

START = "================= CORE DUMP START ================="
END = "================= CORE DUMP END ================="


@given(st.binary(min_size=1, max_size=600))
def test_a_core_dump_is_what_stands_between_the_marks(data: bytes) -> None:
    text = base64.encodebytes(data).decode()
    lines = ["noise", START, *text.splitlines(), "I (1) app: a line of the log!", END, "noise"]
    (found,) = scan(*((0, line) for line in lines))
    assert isinstance(found, CoreDump)
    assert base64.b64decode(found.text) == data


def test_a_core_dump_without_an_end_is_bounded() -> None:
    dumps = CoreDumps()
    dumps.feed(START)
    line = "QUJD" * 16
    for _ in range(LARGEST // len(line) + 2):
        dumps.feed(line)
    assert dumps.feed(END) == []


def test_an_empty_core_dump_is_none() -> None:
    assert scan((0, START), (0, END)) == []
