"""Log files of consoles: followed, rotated, with times, and never a reason to wait or to end."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fbuild_watch.console import log
from fbuild_watch.console.log import LogFile
from fbuild_watch.errors import FileUnwritable
from fbuild_watch.model import DeviceBytes, DeviceText, Notice, Status


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def line(text: str, at: float = 0.0) -> DeviceText:
    return DeviceText(text, complete=True, at=at)


def test_what_is_shown_is_in_the_file_at_once_without_colours(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("before\n")
    with LogFile(path, epoch=0.0) as file:
        file.add(line("\x1b[32mgreen\x1b[0m €"))
        file.add(DeviceBytes(b"no", 0.0))
        file.add(Status("no"))
        file.add(DeviceText(">>> ", complete=False, at=0.0))
        wait_until(lambda: path.read_text() == "before\ngreen €\n>>> ")
        file.add(Notice("\x1b[31mflashed", "good"))
        file.add(Notice("one\ntwo", "bad"))
        file.add(line("on"))
    assert path.read_text() == "before\ngreen €\n>>> \n-- flashed --\none\ntwo\non\n"


def test_lines_have_their_times(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    epoch = time.mktime((2026, 11, 21, 12, 0, 0, 0, 0, -1))
    with LogFile(path, epoch=epoch, times=True) as file:
        file.add(DeviceText("a", complete=False, at=1.0))
        file.add(line("b", at=2.5))
        file.add(line("c", at=61.9996))
        file.add(Notice("said"))
    first, second, said = path.read_text().splitlines()
    assert first == "2026-11-21 12:00:01.000 ab"
    assert second == "2026-11-21 12:01:02.000 c"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} -- said --", said)


def test_a_full_file_is_moved_aside_between_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    with LogFile(path, epoch=0.0, limit=1000) as file:
        for number in range(8):
            file.add(DeviceText("x" * 1200, complete=False, at=0.0))
            wait_until(lambda: path.exists() and path.read_text().endswith("x"))
            file.add(line(f"end {number}"))
            wait_until(lambda number=number: f"end {number}\n" in (tmp_path / "log.txt.1").read_text()
                       if (tmp_path / "log.txt.1").exists() else False)  # fmt: skip
    ends = [re.findall(r"end (\d)", (tmp_path / f"log.txt.{n}").read_text()) for n in (1, 2, 3)]
    assert ends == [["7"], ["6"], ["5"]]
    assert sorted(tmp_path.iterdir()) == [path, *(tmp_path / f"log.txt.{n}" for n in (1, 2, 3))]


@pytest.mark.parametrize("name", ["missing/log.txt", "folder"])
def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileUnwritable) as caught:
        LogFile(tmp_path / name, epoch=0.0)
    assert str(tmp_path / name) in str(caught.value)
    assert caught.value.hint


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_said_once_and_the_rest_is_dropped() -> None:
    said: list[FileUnwritable] = []
    with LogFile(Path("/dev/full"), epoch=0.0, failed=said.append) as file:
        file.add(line("one"))
        wait_until(lambda: said)
        file.add(line("two"))
    assert [str(error) for error in said] == [
        "/dev/full cannot be written: No space left on device"
    ]


def test_a_file_that_cannot_be_moved_aside_is_said(tmp_path: Path) -> None:
    said: list[FileUnwritable] = []
    path = tmp_path / "log.txt"
    (tmp_path / "log.txt.2").touch()
    (tmp_path / "log.txt.3").mkdir()
    with LogFile(path, epoch=0.0, limit=10, failed=said.append) as file:
        file.add(line("x" * 20))
        wait_until(lambda: said)
    assert str(path) in str(said[0])


def test_a_disk_that_hangs_stops_nobody_and_costs_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is a fifo that nobody empties."""
    monkeypatch.setattr(log, "_MOST_WAITING", 1000)
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    file = LogFile(path, epoch=0.0)
    started = time.monotonic()
    for _ in range(20):
        for number in range(1000):
            file.add(line(f"{number} " + "x" * 100))
        time.sleep(0.02)
    assert time.monotonic() - started < 5
    os.set_blocking(reader, True)
    got: list[bytes] = []
    drain = threading.Thread(target=lambda: got.extend(iter(lambda: os.read(reader, 65536), b"")))
    drain.start()
    file.close()
    drain.join(10)
    os.close(reader)
    text = b"".join(got).decode()
    missing = sum(
        int(n.replace(",", "")) for n in re.findall(r"-- ([\d,]+) lines are missing", text)
    )
    assert missing
    assert missing + len(re.findall(r"^\d+ x", text, re.MULTILINE)) == 20_000
