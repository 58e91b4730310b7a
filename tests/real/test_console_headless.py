"""The console of scripts and CI, as a program: what it prints, what it sends, its exit codes, its log."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from tests.real.conftest import ServedBoard
from tests.real.program import fbuild, run
from tests.real.pty_board import answering

ANSWERS = {b"help": b"led: turn it\r\n>>> ", b"led on": b"led is on\r\n>>> "}

SCRIPT = """
# a shell on a board
timeout 5
send   help
expect ^led: turn
expect ^>>>
fail   error
send   led on
expect led is on
send   bye
"""


async def test_a_script_talks_to_the_board_and_its_last_line_arrives(
    tmp_path: Path, env: dict[str, str]
) -> None:
    script = tmp_path / "talk.txt"
    script.write_text(SCRIPT)
    log = tmp_path / "log.txt"
    with answering(ANSWERS) as board:
        arguments = ("console", "--port", board.device, "--script", str(script))
        code, out, words = await run(*arguments, "--log", str(log), env=env)
        heard = bytes(board.heard)
    assert code == 0, words
    assert heard == b"help\r\nled on\r\nbye\r\n"
    assert out == "led: turn it\n>>> led is on\n"
    assert log.read_text().startswith("led: turn it\n>>> ")


async def test_a_script_through_the_running_process(tmp_path: Path, env: dict[str, str]) -> None:
    script = tmp_path / "talk.txt"
    script.write_text(SCRIPT)
    with answering(ANSWERS) as board:
        async with fbuild("serve", env=env) as process:
            while (await run("status", env=env))[0] != 0:
                await trio.sleep(0.05)
            arguments = ("console", "--port", board.device, "--script", str(script), "--json")
            code, out, words = await run(*arguments, env=env)
            with trio.fail_after(10):
                while not board.heard.endswith(b"bye\r\n"):
                    await trio.sleep(0.01)
            process.signal(signal.SIGTERM)
            await process.ended()
    assert code == 0, words
    objects = [json.loads(line) for line in out.splitlines()]
    assert [one["type"] for one in objects][-1] == "end"
    times = [one["time"] for one in objects if one["type"] == "text"]
    assert times == sorted(times)
    assert abs(times[0] - time.time()) < 60


async def test_what_is_piped_in_arrives_whole_though_the_console_ends(
    env: dict[str, str],
) -> None:
    with answering({b"last": b"got it\r\n"}) as board:
        async with fbuild("console", "--port", board.device, "--count", "1", env=env) as console:
            await console.type("first\r\n" * 100 + "last\r\n")
            await console.see("^got it$")
            assert await console.ended() == 0
        heard = bytes(board.heard)
    assert heard == b"first\r\n" * 100 + b"last\r\n"


async def test_a_script_ends_its_lines_as_the_project_says(
    tmp_path: Path, env: dict[str, str]
) -> None:
    (tmp_path / "platformio.ini").write_text("[env:devkit]\nboard = esp32c3\nmonitor_eol = LF\n")
    script = tmp_path / "talk.txt"
    script.write_text("send one\nsend two\n")
    with answering({}) as board:
        arguments = ("console", str(tmp_path), "--port", board.device, "--script", str(script))
        code, _, words = await run(*arguments, env=env)
        assert code == 0, words
        with trio.fail_after(5):
            while board.heard != b"one\ntwo\n":
                await trio.sleep(0.01)


async def test_a_step_that_is_not_met_names_file_and_line(
    tmp_path: Path, env: dict[str, str]
) -> None:
    script = tmp_path / "talk.txt"
    script.write_text("timeout 0.3\nsend help\nexpect no such thing\n")
    with answering(ANSWERS) as board:
        arguments = ("console", "--port", board.device, "--script", str(script))
        code, out, words = await run(*arguments, "--json", env=env)
    assert code == 71
    assert f"{script}:3: expect 'no such thing' was not seen within 0.3 s" in words
    objects = [json.loads(line) for line in out.splitlines()]
    assert [one["type"] for one in objects] == ["text", "text", "end"]
    assert [one.get("text") for one in objects[:2]] == ["led: turn it", ">>> "]
    assert objects[-1]["error"]["code"] == "expect-timeout"
    assert abs(objects[0]["time"] - time.time()) < 60
    script.write_text("sleep 5\n")
    code, _, words = await run(*arguments, env=env)
    assert code == 84
    assert f"{script}:1: 'sleep 5' is no step" in words


async def test_a_pattern_that_would_take_for_ever_ends_the_console_in_good_order(
    env: dict[str, str],
) -> None:
    endless, line = "(a|aa)+$", "a" * 40 + "!"
    with answering({b"go": b"one\r\n" + line.encode() + b"\r\n"}) as board:
        arguments = ("console", "--port", board.device, "--timeout", "30", "--fail", endless)
        async with fbuild(*arguments, env=env) as console:
            await console.type("go\r\n")
            assert await console.ended() == 87
    assert console.text.startswith(f"one\n{line}\n")
    assert f"--fail '{endless}' was still being searched for after 1 s, in '{line}" in console.text
    assert "repetition inside another" in console.text


async def test_a_log_that_cannot_be_written_is_an_error_at_the_start(
    tmp_path: Path, env: dict[str, str]
) -> None:
    with answering({}) as board:
        bad = str(tmp_path / "no" / "log.txt")
        code, _, words = await run("console", "--port", board.device, "--log", bad, env=env)
    assert code == 81
    assert bad in words


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
async def test_a_full_disk_does_not_end_the_console(env: dict[str, str]) -> None:
    with answering({b"a": b"one\r\n", b"b": b"two\r\n"}) as board:
        arguments = ("console", "--port", board.device, "--log", "/dev/full")
        async with fbuild(*arguments, env=env) as console:
            await console.type("a\r\n")
            await console.see("cannot be written: No space left on device")
            await console.type("b\r\n")
            await console.see("^two$")
            assert console.text.count("cannot be written") == 1


async def test_the_board_is_not_reset_unless_that_is_asked(
    env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    arguments = ("console", "--port", board.url, "--timeout", "20", "--expect")
    code, _, words = await run(*arguments, "invalid header", env=env)  # of an empty flash
    assert code == 0, words
    assert board.log.count("POWERON") == 1
    code, _, words = await run(*arguments, "POWERON", "--reset", env=env)
    assert code == 0, words
    assert board.log.count("POWERON") == 2


async def test_the_first_byte_of_a_boot_after_a_flash_is_there(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    arguments = ("watch", str(project), "--port", board.url, "--json", "--expect", "^hello$")
    code, out, words = await run(*arguments, env=env)
    assert code == 0, words
    objects = [json.loads(line) for line in out.splitlines()]
    proven = next(place for place, one in enumerate(objects) if one.get("proven"))
    said = "".join(
        one["text"] + "\n" * one["complete"] for one in objects[proven:] if one["type"] == "text"
    )
    assert said.startswith("ESP-ROM:esp32c3-api1-20210207\n"), said[:200]
    assert re.fullmatch(r"[0-9a-f]+", objects[proven]["proven"])
    assert objects[-1]["ok"]
