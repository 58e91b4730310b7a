"""Panics in a board's text: each handler's form, cut in any way, and what is none."""

from __future__ import annotations

import random
from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fbuild_watch.decode import Crash, Scanner
from fbuild_watch.decode.block import MOST_FRAMES, MOST_LINES, MOST_WORDS, STRAY, Reports
from fbuild_watch.model import DeviceText, Notice
from fbuild_watch.serial import LineAssembler
from tests.pure import panic_texts as texts


def crashes(text: str, *, silent: bool = True) -> list[Crash]:
    """What a board that prints this, and then no more, has reported."""
    reports = Reports()
    found = [crash for line in text.splitlines() for crash in reports.feed(line)]
    return found + (reports.finish() if silent else [])


def only(text: str) -> Crash:
    (crash,) = crashes(text)
    return crash


def test_a_riscv_panic() -> None:
    (crash,) = crashes(texts.RISCV, silent=False)
    assert crash.title == "Load access fault"
    assert crash.pc == 0x42007F2A
    assert crash.registers["S0/FP"] == 0x3FC94E30
    assert crash.stack is not None
    assert crash.stack.start == 0x3FC94E10
    assert len(crash.stack.words) == 16
    assert crash.stack.read(0x3FC94E1C) == 0x42007F58
    assert crash.stack.read(0x3FC94E0C) is None
    assert crash.elf_sha256 == "5c9b2a7f1d3e4a6b"
    assert crash.notes == ("a read from 0x00000010: a null pointer",)
    assert crash.is_fatal


def test_abort_gives_the_place_it_was_called_from_and_the_stack() -> None:
    crash = only(texts.RISCV_ABORT)
    assert (crash.title, crash.returns) == ("abort()", (0x42007E3D,))
    assert crash.stack is not None
    assert crash.elf_sha256 == "5c9b2a7f1"


def test_a_task_watchdog_names_the_starved_and_the_running() -> None:
    crash = only(texts.RISCV_TASK_WATCHDOG)
    assert crash.title == "task watchdog"
    assert crash.notes[:2] == ("not fed by loopTask on CPU 0", "CPU 0 was running loopTask")


def test_an_xtensa_panic() -> None:
    crash = only(texts.XTENSA)
    assert crash.title == "LoadProhibited"
    assert crash.frames == (0x400D152E, 0x400D15A1, 0x400D2BDD)
    assert crash.notes == ("a read from 0x00000008: a null pointer",)
    assert crash.elf_sha256 == "5c9b2a7f1d3e4a6b"


def test_an_assertion_is_its_own_title_and_a_digest_of_zeros_is_none() -> None:
    crash = only(texts.XTENSA_OLD)
    assert crash.title == "assert failed: xQueueSemaphoreTake queue.c:1545 (( pxQueue ))"
    assert crash.frames[0] == 0x40083A5D
    assert crash.elf_sha256 == ""
    assert crash.notes == ("the board says that the backtrace is corrupted",)


def test_a_watchdog_that_only_warns_ends_where_the_log_goes_on() -> None:
    (crash,) = crashes(texts.XTENSA_TASK_WATCHDOG, silent=False)
    assert not crash.is_fatal
    assert crash.frames[2] == 0x400D1A2B


@pytest.mark.parametrize(
    ("text", "title", "pc", "returns"),
    [
        (texts.STACK_CANARY, "Stack canary watchpoint triggered (main)", 0x40081B92, ()),
        (texts.ERROR_CHECK, "ESP_ERROR_CHECK failed: ESP_ERR_INVALID_STATE", 0x42007F2A, (0x40387A05,)),
        (texts.ESP8266, "exception 28 (read from a bad address)", 0x40201C3A, ()),
        (texts.ZEPHYR, "BUS FAULT", 0x08001A2C, (0x08001B4D,)),
        (texts.MBED, "MbedOS Fault Handler", 0x00011F10, (0x00011995,)),
        (texts.CM_BACKTRACE, "fault", None, (0x08001234, 0x080056AB, 0x0800099C)),
    ],
)  # fmt: skip
def test_other_handlers(text: str, title: str, pc: int | None, returns: tuple[int, ...]) -> None:
    crash = only(text)
    assert (crash.title, crash.pc, crash.returns) == (title, pc, returns)


def test_the_stack_of_an_esp8266() -> None:
    stack = only(texts.ESP8266).stack
    assert stack is not None
    assert (stack.start, len(stack.words)) == (0x3FFFFF20, 12)


def test_a_backtrace_without_a_panic() -> None:
    crash = only("Backtrace: 0x400d152e:0x3ffb2150 0x400d15a1:0x3ffb2170\n")
    assert (crash.title, crash.is_fatal) == ("backtrace", False)


def test_two_panics_are_two() -> None:
    found = crashes(texts.RISCV + texts.XTENSA)
    assert [crash.title for crash in found] == ["Load access fault", "LoadProhibited"]


def test_a_panic_in_the_middle_of_a_panic_is_another_one() -> None:
    whole = texts.XTENSA.partition("ELF file")[0]
    found = crashes(whole + texts.STACK_CANARY)
    assert len(found) == 2


def test_a_boot_ends_a_report() -> None:
    cut = texts.RISCV.partition("ELF file")[0].rstrip()
    (crash,) = crashes(
        f"{cut}\nrst:0xc (RTC_SW_CPU_RST),boot:0xd (SPI_FAST_FLASH_BOOT)\n", silent=False
    )
    assert crash.pc == 0x42007F2A


@pytest.mark.parametrize(
    "text",
    [
        "at 0x42007f2a the sensor said 0x400d152e:0x3ffb2150\n",
        "assert failed: nothing is known of where\n",
        "MEPC    : 0x42007f2a  RA      : 0x42007f58\n",
        "3fc94e10: 0x00000000 0x42007f58\n",
        "no hard fault was seen, all is well\n",
    ],
)
def test_numbers_in_ordinary_lines_are_left_alone(text: str) -> None:
    assert crashes(text) == []


def test_a_report_without_an_end_is_given_up() -> None:
    reports = Reports()
    reports.feed("assert failed: f main.c:1 (x)")
    for _ in range(STRAY):
        reports.feed("I (1) app: a line of the log")
        assert reports.is_open
    assert reports.feed("I (1) app: one more") == []
    assert not reports.is_open


def test_a_stack_without_an_end_is_bounded() -> None:
    reports = Reports()
    reports.feed(
        "Guru Meditation Error: Core  0 panic'ed (Load access fault). Exception was unhandled."
    )
    reports.feed(
        "MEPC    : 0x42007f2a  RA      : 0x42007f58  SP      : 0x3fc94e10  GP      : 0x3fc8b800"
    )
    found: list[Crash] = []
    for at in range(0x3FC00000, 0x3FC40000, 32):
        found += reports.feed(f"{at:08x}: " + " ".join(["0x42007f58"] * 8))
    (crash,) = [*found, *reports.finish()]
    assert crash.stack is not None
    assert len(crash.stack.words) == MOST_WORDS


def test_a_report_whose_every_line_goes_on_with_it_is_ended() -> None:
    reports = Reports()
    line = "addr2line -e pump.elf -afpiC 08001234 080056ab"
    found = [crash for _ in range(MOST_LINES + 1) for crash in reports.feed(line)]
    assert [len(crash.returns) for crash in found] == [MOST_FRAMES]
    assert not reports.is_open


GURU = "Guru Meditation Error: Core  0 panic'ed ("


@pytest.mark.parametrize(
    "line",
    [
        GURU * 100,
        f"{GURU}((((((((((" * 80,
        GURU + "(" * 4000,
        "3ffffff0:  " + "aaaaaaaa " * 2 + " " * 4000 + "x",
        "task_wdt: - " + " " * 4000 + "x",
        "task_wdt: - " + " (CPU " * 600,
        'assertion "' * 370,
        "pc [" * 1000,
        "ESP_ERROR_CHECK failed: esp_err_t " * 110,
    ],
    ids=lambda line: line[:12] + line[-6:],
)
def test_no_line_keeps_the_console_waiting(line: str) -> None:
    """In time of the processor: 10 ms at most where it is linear, 300 ms and more where it is not."""
    reports = Reports()
    reports.feed("***** HARD FAULT *****")
    began = process_time()
    reports.feed(line)
    assert process_time() - began < 0.15


# --- the whole scanner -----------------------------------------------------------------------


def scanned(data: bytes, cuts: list[int]) -> list[object]:
    """What is found in bytes that arrive in pieces; the times are all the same."""
    lines, scanner = LineAssembler(), Scanner()
    found: list[object] = []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        items: list[DeviceText] = lines.feed(data[start:end], 1.0)
        if (tail := lines.flush()) is not None:
            items.append(tail)
        for item in items:
            found += scanner.feed(item)
    return found + scanner.silence()


@given(
    name=st.sampled_from(sorted(texts.ALL)),
    cuts=st.lists(st.integers(0, 4000), max_size=12),
    ending=st.sampled_from(["\n", "\r\n", "\r\r\n"]),
)
def test_how_the_text_was_cut_changes_nothing(name: str, cuts: list[int], ending: str) -> None:
    data = texts.ALL[name].replace("\n", ending).encode()
    assert scanned(data, cuts) == scanned(data, [])
    assert any(isinstance(found, Crash) for found in scanned(data, cuts)) == (
        name not in ("REGISTERS", "STACK")
    )


@given(
    st.lists(
        st.one_of(
            st.sampled_from([line for text in texts.ALL.values() for line in text.splitlines()]),
            st.text(max_size=80),
        ),
        max_size=60,
    )
)
def test_lines_in_any_order_never_raise(lines: list[str]) -> None:
    scanner = Scanner()
    for at, line in enumerate(lines):
        for found in scanner.feed(DeviceText(line, True, float(at))):
            assert isinstance(found, Crash | Notice)
    scanner.silence()


@settings(max_examples=1, deadline=None)
@given(st.integers(0, 2**32))
def test_ten_megabytes_of_noise_never_raise(seed: int) -> None:
    noise = random.Random(seed).randbytes(10_000_000)
    lines, scanner = LineAssembler(), Scanner()
    for start in range(0, len(noise), 65536):
        for item in lines.feed(noise[start : start + 65536], float(start)):
            scanner.feed(item)
    scanner.silence()


def test_colours_are_no_part_of_a_line() -> None:
    text = b"\x1b[0;31mE (1) \x1b[0mBacktrace: 0x400d152e:0x3ffb2150\n"
    (crash,) = scanned(text, [])
    assert isinstance(crash, Crash)


def test_the_digest_of_the_start_counts_until_the_next_reset() -> None:
    boot = "I (261) cpu_start: ELF file SHA256:  3326b1b89c849ed8...\n"
    panic = texts.XTENSA.replace("ELF file SHA256: 5c9b2a7f1d3e4a6b\n", "")
    rst = "rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\n"
    found = scanned((boot + panic + rst + panic).encode(), [])
    digests = [crash.elf_sha256 for crash in found if isinstance(crash, Crash)]
    assert digests == ["3326b1b89c849ed8", ""]
