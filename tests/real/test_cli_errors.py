"""Bad input and bad luck, as a user meets them: words, a hint, an exit code, nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from fbuild_watch.serial.holders import find_rival
from tests.real.conftest import ServedBoard
from tests.real.program import fbuild, run


async def refused(code: int, *arguments: str, env: dict[str, str]) -> str:
    """Run a command that must fail with `code` and say why; nothing goes to stdout."""
    found, out, words = await run(*arguments, env=env)
    assert found == code, words
    assert out == ""
    assert "Traceback" not in words
    assert words.startswith("error: ") or "\nerror: " in words
    return words


async def test_an_unknown_environment(project: Path, env: dict[str, str]) -> None:
    words = await refused(11, "build", str(project), "-e", "nope", env=env)
    assert "nope" in words
    assert "devkit" in words


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
@pytest.mark.parametrize("command", ["build", "watch"])
async def test_a_folder_whose_name_is_no_unicode(
    tmp_path: Path, env: dict[str, str], command: str
) -> None:
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    code, _, words = await run(command, str(folder), env=env)
    assert code == 2
    assert "rename the folder" in words


async def test_no_compiler(project: Path, env: dict[str, str], tmp_path: Path) -> None:
    ini = project / "platformio.ini"
    ini.write_text(ini.read_text().replace("esp32c3:devkit\n", "esp32c3:devkit:toolchain=espgcc\n"))
    if shutil.which("riscv32-esp-elf-gcc"):
        pytest.skip("this machine has the compiler that this test needs to be missing")
    words = await refused(21, "build", str(project), env=env)
    assert "riscv32-esp-elf" in words


async def test_a_port_that_is_not_there(project: Path, env: dict[str, str]) -> None:
    words = await refused(41, "flash", "--image", f"0={__file__}", "--port", "/dev/nope", env=env)
    assert "/dev/nope" in words
    await refused(41, "console", "--port", "rfc2217://127.0.0.1:1", env=env)
    await refused(46, "console", "--port", "rfc2217://", env=env)


async def test_a_port_that_another_process_holds(
    tmp_path: Path, env: dict[str, str], silent_port: str
) -> None:
    stranger = env | {"FBUILD_RUNTIME_DIR": str(tmp_path / "stranger")}  # who lends us nothing
    async with fbuild("console", "--port", silent_port, "--expect", "x", env=stranger) as holder:
        with trio.fail_after(30):
            while (found := find_rival(silent_port)) is None or found.pid != holder.pid:
                await trio.sleep(0.01)
        code, out, _ = await run(
            *("flash", "--image", f"0={__file__}", "--port", silent_port, "--json"), env=env
        )
        assert code == 43
        answer = json.loads(out)
        assert answer["error"]["code"] == "port-busy"
        assert str(holder.pid) in answer["error"]["message"]
        assert "console" in answer["error"]["message"]


async def test_a_board_that_does_not_answer(env: dict[str, str], silent_port: str) -> None:
    words = await refused(51, "flash", "--image", f"0={__file__}", "--port", silent_port, env=env)
    assert silent_port in words
    assert "BOOT" in words


async def test_the_wrong_chip(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    assert (await run("build", str(project), env=env))[0] == 0
    file = project / ".fbuild" / "build" / "devkit" / "flasher_args.json"
    file.write_text(file.read_text().replace("esp32c3", "esp32s3"))
    arguments = ("flash", str(project), "--no-build", "--port", board.url)
    before = board.flash_path.read_bytes()
    words = await refused(52, *arguments, env=env)
    assert "esp32c3" in words
    assert "esp32s3" in words
    assert board.flash_path.read_bytes() == before


async def test_an_image_that_does_not_fit(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard], tmp_path: Path
) -> None:
    big = tmp_path / "big.bin"
    big.write_bytes(bytes(5 * 1024 * 1024))
    board = virtual_board()
    words = await refused(32, "flash", "--image", f"0={big}", "--port", board.url, env=env)
    assert "5,242,880" in words
    big.write_bytes(bytes(8192))
    words = await refused(32, "flash", "--image", f"0x3ff000={big}", "--port", board.url, env=env)
    assert "big is 8,192 bytes, 4,096 more" in words
    assert "the flash of 4,194,304 bytes from 0x3ff000 on holds (4,096)" in words
    (project / "partitions.csv").write_text("app, app, factory, 0x10000, 4K\n")
    words = await refused(32, "build", str(project), env=env)
    assert "app" in words


async def test_what_flash_prints_as_json(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    for state in ("written", "unchanged"):
        code, out, _ = await run("flash", str(project), "--port", board.url, "--json", env=env)
        assert code == 0
        answer = json.loads(out)
        assert answer["ok"] is True
        assert answer["chip"] == "ESP32-C3"
        assert len(answer["mac"].split(":")) == 6
        assert answer["port"] == board.url
        names = [(region["name"], region["offset"]) for region in answer["regions"]]
        assert names == [("bootloader", 0), ("partitions", 0x8000), ("app", 0x10000)]
        for region in answer["regions"]:
            assert region["state"] == state
            assert (region["sectors_written"] > 0) == (state == "written")
            file = {"app": "firmware"}.get(region["name"], region["name"])
            built = project / ".fbuild" / "build" / "devkit" / f"{file}.bin"
            assert board.flash(region["offset"], region["size"]) == built.read_bytes()
        assert "error" not in answer
    phases = answer["phases"]
    assert {"connected", "checked"} <= set(phases)
    assert "written" not in phases
    code, out, _ = await run("flash", str(project), "-e", "x", "--json", env=env)
    answer = json.loads(out)
    assert (code, answer["ok"], answer["chip"], answer["mac"]) == (11, False, None, None)
    assert set(answer["error"]) == {"code", "message", "hint"}


async def test_what_another_tool_wrote_is_noticed(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard], tmp_path: Path
) -> None:
    board = virtual_board()
    arguments = ("flash", str(project), "--port", board.url, "--json")
    assert (await run(*arguments, env=env))[0] == 0
    other = tmp_path / "other.bin"
    other.write_bytes(b"written by another tool")
    code, _, words = await run(
        *("flash", "--image", f"0x10000={other}", "--port", board.url), env=env
    )
    assert code == 0, words
    code, out, _ = await run(*arguments, env=env)
    states = {region["name"]: region["state"] for region in json.loads(out)["regions"]}
    assert states == {"bootloader": "unchanged", "partitions": "unchanged", "app": "written"}


async def test_nothing_is_built_into_the_users_repository(
    project: Path, env: dict[str, str]
) -> None:
    assert (await run("build", str(project), env=env))[0] == 0
    assert (project / ".fbuild" / ".gitignore").read_text() == "*\n"
    outputs = project / ".fbuild" / "build" / "devkit"
    for name in [
        "firmware.elf",
        "firmware.bin",
        "bootloader.bin",
        "partitions.bin",
        "flasher_args.json",
        "compile_commands.json",
    ]:
        assert (outputs / name).is_file(), name
    assert (await run("clean", str(project), env=env))[0] == 0
    assert not outputs.exists()


async def test_init_writes_nothing_over(tmp_path: Path, env: dict[str, str]) -> None:
    folder = tmp_path / "new"
    assert (await run("init", str(folder), env=env))[0] == 0
    own = folder / "src" / "main.cpp"
    own.write_text("mine")
    await refused(10, "init", str(folder), env=env)
    assert own.read_text() == "mine"
    assert (await run("build", str(folder), env=env))[0] != 0  # "mine" is no C++


async def test_ctrl_c_ends_a_check_and_not_a_write(
    env: dict[str, str], virtual_board: Callable[..., ServedBoard], tmp_path: Path
) -> None:
    data = tmp_path / "data.bin"
    data.write_bytes(os.urandom(200_000))
    board = virtual_board(timing="real")
    arguments = ("flash", "--image", f"0x10000={data}", "--port", board.url)

    async def signalled_when(log: str) -> tuple[int, str]:
        seen = len(board.log)
        async with fbuild(*arguments, env=env) as flash:
            with trio.fail_after(30):
                while log not in board.log[seen:]:
                    await trio.sleep(0.005)
            flash.signal(signal.SIGINT)
            return await flash.ended(), flash.text

    before = board.flash_path.read_bytes()
    code, words = await signalled_when("SPI_ATTACH")
    assert code == 130, words
    assert "interrupted" in words
    assert board.flash_path.read_bytes() == before
    code, words = await signalled_when("FLASH_DEFL_DATA")
    assert code == 0, words
    assert "proven" in words
    assert board.flash(0x10000, 200_000) == data.read_bytes()
