"""The main job on real parts: a compiler, esptool, a board that runs what was flashed."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import trio

from fbuild_watch.example import copy_example
from tests.real.conftest import ServedBoard
from tests.real.program import fbuild, run

PASS_TIMES = r"s \(ms: seen"


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "hello c3"  # with a space, as folders have
    copy_example(folder)
    return folder


async def test_a_day_with_the_loop(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    greeting, blink = project / "src" / "greeting.h", project / "src" / "blink.cpp"
    async with fbuild("watch", str(project), "--port", board.url, env=env) as watch:
        await watch.see(r"flashed bootloader 1 sector, partitions 1 sector, app")
        await watch.see(r"^ESP-ROM:esp32c3")  # the first boot byte on
        await watch.see(r"^hello$")
        await watch.see(PASS_TIMES)
        await watch.see(r"^tick 2$")

        # a header: only the unit that includes it, only the app's region
        change(greeting, '"hello"', '"moin"')
        await watch.see(r"^-- build \w+: compiled main\.cpp --$")
        await watch.see(r"^-- flashed app \d+ sectors? in")
        await watch.see(r"^moin$")
        await watch.see(PASS_TIMES)

        # a syntax error: the compiler's words once, the board runs on, the console lives
        flash = board.flash_path.read_bytes()
        change(blink, "uint32_t kHalfPeriodMs", "uint32_t oops kHalfPeriodMs")
        await watch.see(r"blink\.cpp:\d+:\d+: error:")
        await watch.see(r"did not compile; the board keeps what it has")
        await watch.type("echo this\r\n")
        await watch.see(r"^echo this$")
        await watch.see(r"^tick \d+$")
        assert board.flash_path.read_bytes() == flash
        assert watch.text.count("kHalfPeriodMs = 500;\n") <= 1

        # the fix, and something new with it
        change(blink, "uint32_t oops kHalfPeriodMs = 500", "uint32_t kHalfPeriodMs = 250")
        await watch.see(r"^-- build \w+: compiled blink\.cpp --$")
        await watch.see(r"^-- flashed app")
        await watch.see(r"^moin$")

        # a touch is no work, and the end of stdin ends nothing
        await watch.end_input()
        greeting.touch()
        await watch.see(r"^tick 3$")
        watch.signal(signal.SIGTERM)
        assert await watch.ended() == 0
        assert watch.text.count("-- build") == 3
        assert watch.text.count("-- flashed") == 3


async def test_a_newer_edit_overtakes_and_the_board_ends_with_the_newest(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    greeting = project / "src" / "greeting.h"
    async with fbuild("watch", str(project), "--port", board.url, env=env) as watch:
        await watch.see(r"^hello$")
        for number in range(20):
            greeting.write_text(f'#pragma once\n#define GREETING "edit {number}"\n')
            await trio.sleep(0.03)  # a person who saves too often
        await watch.see(r"^edit 19$")
        await watch.see(r"^tick 1$")
        watch.signal(signal.SIGINT)
        assert await watch.ended() == 0


async def test_without_a_board_it_builds_and_waits_and_an_ini_change_is_taken_in(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    board.stop()
    async with fbuild("watch", str(project), "--port", board.url, env=env) as watch:
        await watch.see(r"build \w+: compiled .*; waiting for a board")
        board.restart()
        await watch.see(r"^hello$")
        await watch.see(PASS_TIMES)
        change(project / "platformio.ini", "monitor_speed", "build_flags = -O1\nmonitor_speed")
        await watch.see(r"build \w+: compiled")

        # a board that goes away and comes back
        board.stop()
        await watch.see(r"went away")
        change(project / "src" / "greeting.h", '"hello"', '"back"')
        await watch.see(r"waiting for a board")
        board.restart()
        await watch.see(r"^back$")


async def test_the_second_watch_names_the_first_and_leaves(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    assert (await run("status", env=env))[0] == 3
    async with fbuild("watch", str(project), "--port", board.url, env=env) as watch:
        await watch.see(r"^hello$")
        code, _, words = await run("watch", str(project), "--port", board.url, env=env)
        assert code == 60
        assert str(watch.pid) in words
        code, status, _ = await run("status", env=env)
        assert code == 0
        assert str(watch.pid) in status
        watch.signal(signal.SIGKILL)
        await watch.ended()
    assert (await run("status", env=env))[0] == 3


async def test_expect_counts_only_what_the_new_firmware_says(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    arguments = ("watch", str(project), "--port", board.url)
    code, out, _ = await run(*arguments, "--expect", "^hello$", env=env)
    assert code == 0
    assert "hello" in out
    change(project / "src" / "greeting.h", '"hello"', '"new"')
    code, out, _ = await run(*arguments, "--expect", "^new$", "--fail", "Guru", env=env)
    assert code == 0
    change(project / "src" / "main.cpp", '"tick %lu', '"tock %lu')
    code, out, words = await run(*arguments, "--expect", "^tock 1$", "--fail", "^tick", env=env)
    assert code == 0, words  # the old firmware still ticked while the new one was compiled
    code, _, words = await run(*arguments, "--fail", "^tock 1$", env=env)
    assert code == 72
    assert "tock 1" in words
    code, _, words = await run(*arguments, "--expect", "^hello$", "--timeout", "2.5", env=env)
    assert code == 71


async def test_the_demo_is_green(env: dict[str, str]) -> None:
    code, out, words = await run("demo", "--once", env=env)
    assert code == 0, words
    assert "hello again" in out
    assert "after the edit" in out
    assert "first byte" in out


async def test_the_demos_board_dies_with_it(env: dict[str, str]) -> None:
    async with fbuild("demo", env=env) as demo:
        await demo.see(r"^hello$")
        boards = psutil.Process(demo.pid).children(recursive=True)
        assert any("serve" in board.cmdline() for board in boards)
        demo.signal(signal.SIGKILL)
        await demo.ended()
    gone, left = await trio.to_thread.run_sync(psutil.wait_procs, boards, 20)
    assert gone
    assert not left


async def test_what_lies_beside_the_sources_is_watched_too(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard], tmp_path: Path
) -> None:
    """Headers behind -I and from elsewhere, an extra ini, the table and the core's own files."""
    board = virtual_board()
    outside, inner = tmp_path / "outside", project / "inc2"
    for folder in (outside, inner, project / "cfg"):
        folder.mkdir()
    (outside / "word.h").write_text('#include "../far/far.h"\n#define WORD "one" FAR\n')
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "far.h").write_text('#define FAR " far"\n')
    (inner / "inner.h").write_text("#include <word.h>\n#define GREETING WORD\n")
    (project / "src" / "greeting.h").write_text("#include <inner.h>\n")
    table = project / "cfg" / "p.csv"
    table.write_text("nvs, data, nvs, , 0x5000\napp, app, factory, 0x10000, 1M\n")
    (project / "cfg" / "more.ini").write_text("[more]\nflags = -O2\n")
    change(
        project / "platformio.ini",
        "monitor_speed",
        f"board_build.partitions = cfg/p.csv\nbuild_flags = -Iinc2 -I{outside} ${{more.flags}}\n"
        "monitor_speed",
    )
    change(project / "platformio.ini", "[platformio]", "[platformio]\nextra_configs = cfg/more.ini")
    async with fbuild("watch", str(project), "--port", board.url, env=env) as watch:
        await watch.see(r"^one far$")
        await watch.see(PASS_TIMES)
        change(outside / "word.h", '"one"', '"two"')
        await watch.see(r"^two far$")
        change(inner / "inner.h", "GREETING WORD", 'GREETING WORD "!"')
        await watch.see(r"^two far!$")
        change(tmp_path / "far" / "far.h", '" far"', '" away"')
        await watch.see(r"^two away!$")
        table.write_text(table.read_text() + "late, data, nvs, , 0x3000\n")
        await watch.see(r"^-- flashed partitions")
        change(project / "cfg" / "more.ini", "-O2", "-O1")
        await watch.see(r"build \w+: compiled .*main\.cpp")
        core = project / "hardware" / "bare" / "esp32c3"
        change(core / "bootloader" / "bootloader.c", '" at "', '" from "')
        await watch.see(r"^-- flashed bootloader")
        watch.signal(signal.SIGTERM)
        assert await watch.ended() == 0
