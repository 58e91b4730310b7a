"""What the running process does for its clients beyond a day's work: every request, and its face."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import trio

import fbuild_watch
from fbuild_watch import AsyncClient, AsyncDaemon, AsyncSerialMonitor, Client, serial
from fbuild_watch.control import messages
from fbuild_watch.control.connection import Call
from fbuild_watch.control.locate import locate
from fbuild_watch.control.news import PackageStep, State, Step
from fbuild_watch.daemon.boards import Boards
from fbuild_watch.daemon.operations import Operations
from fbuild_watch.daemon.work import Work
from fbuild_watch.errors import NotRunning, VersionSkew, WriterBusy, WrongBoard
from fbuild_watch.example import copy_example
from tests.real import avr_kit
from tests.real.conftest import ServedBoard
from tests.real.package_kit import library, serving
from tests.real.process_kit import background, ended
from tests.real.program import fbuild, run
from tests.real.proxy_kit import proxy_to

NOWHERE = "socket://127.0.0.1:1"


async def done(*arguments: str, env: dict[str, str]) -> str:
    """The words of a command that succeeds."""
    code, out, words = await run(*arguments, env=env)
    assert code == 0, words
    return out + words


async def status() -> messages.Status:
    """What a client is told that asks for nothing else."""
    async with AsyncClient() as client:
        return await client.status()


# --- the board -----------------------------------------------------------------------------


async def test_what_the_commands_do_to_a_board_that_the_process_has(
    project: Path, env: dict[str, str], tmp_path: Path, virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    here = str(project)
    async with (
        background(here, "--port", board.url, env=env),
        AsyncSerialMonitor(project, backlog=1000) as monitor,
    ):
        await monitor.expect("^tick", timeout=60)
        file = tmp_path / "flash.bin"
        words = await done("read", "0x10000", "4K", str(file), here, env=env)
        assert f"of the board on {board.url}" in words
        assert file.read_bytes() == board.flash(0x10000, 4096)
        await monitor.expect("^tick", timeout=20)
        code, _, words = await run("read", "0", "4K", str(tmp_path / "no" / "x"), here, env=env)
        assert (code, "cannot be written" in words) == (81, True), words

        code, _, words = await run("erase", "--region", "storage", here, env=env)
        assert (code, f"of the board on {board.url}" in words) == (61, True), words
        words = await done("erase", "--region", "storage", "--yes", here, env=env)
        assert "storage" in words

        await done("reset", "--bootloader", here, env=env)
        last = [line for line in board.log.splitlines() if "reset: " in line][-1]
        assert "download mode" in last
        await done("reset", here, env=env)
        await monitor.expect("^hello$", timeout=20)

        code, _, words = await run("flash", here, "--mac", "00:11:22:33:44:55", env=env)
        assert code == WrongBoard.exit_code, words
        await done("flash", here, "--reset", "classic", env=env)
        (now,) = (await status()).projects
        assert now.proven == now.built

        assert f"edits of {project} wait" in await done("pause", str(tmp_path), env=env)
        header = project / "src" / "greeting.h"
        header.write_text(header.read_text().replace('"hello"', '"later"'))
        assert "idle, paused" in await done("status", env=env)
        await done("reset", here, env=env)
        await monitor.expect("^hello$", timeout=20)
        await done("resume", here, env=env)
        await monitor.expect("^later$", timeout=60)
    assert (await run("pause", here, env=env))[0] == 64


async def test_ports_are_probed_by_the_process(
    env: dict[str, str], virtual_board: Callable[..., ServedBoard], monkeypatch: pytest.MonkeyPatch
) -> None:
    board = virtual_board()
    found = [serial.PortInfo(board.url, vid=1), serial.PortInfo("/dev/ttyNOPE7", vid=1)]
    monkeypatch.setattr(serial, "list_ports", lambda: found)
    boards = Boards(lambda: None)
    operations = Operations(Work(boards), boards)

    async def ports(probe: bool) -> list[messages.PortStatus]:
        streams: Any = None
        call = Call(messages.PortsAsked(probe), "a test", lambda _step: None, streams)
        return (await operations.ports(call)).ports

    assert [port.chip for port in await ports(False)] == [None, None]
    first, second = await ports(True)
    assert (first.chip, first.problem) == ("ESP32-C3", "")
    assert (second.chip, "there is no port" in second.problem) == (None, True)


RPC = """
#include <Arduino.h>
void setup() {}
void loop() {
  static char line[200];
  static int size = 0;
  while (Serial.available()) {
    char c = Serial.read();
    if (c != '\\n' && size < 199) { line[size++] = c; continue; }
    line[size] = 0;
    size = 0;
    Serial.println("{\\"jsonrpc\\": \\"2.0\\", \\"id\\": 0, \\"result\\": \\"of somebody else\\"}");
    const char *id = strstr(line, "\\"id\\": ");
    if (id) {
      Serial.print("{\\"jsonrpc\\": \\"2.0\\", \\"result\\": \\"pong\\", \\"id\\": ");
      Serial.print(atoi(id + 6));
      Serial.println("}");
    }
  }
}
"""


async def test_a_monitor_on_a_port_is_told_of_flashes_and_calls_the_firmware(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    (project / "src" / "main.cpp").write_text("#include <stdlib.h>\n#include <string.h>\n" + RPC)
    await AsyncDaemon().ensure_running()
    uses: list[str] = []

    def on_event(event: object) -> None:
        if isinstance(event, State):
            uses.append(event.port_use)

    async with (
        AsyncClient() as client,
        AsyncSerialMonitor(port=board.url, on_event=on_event) as monitor,
    ):
        await client.deploy(project, port=board.url)
        for number in (1, 2):
            answer = await monitor.write_json_rpc("ping", {"number": number}, timeout=20)
            assert (answer["id"], answer["result"]) == (number, "pong")
        assert uses[uses.index("flasher") :] == ["flasher", "console"]
    example = Path(__file__).parents[2] / "examples" / "api" / "json_rpc.py"
    command = [sys.executable, str(example), board.url, "ping", '{"number": 3}']
    said = await trio.run_process(command, capture_stdout=True, env=env)
    assert said.stdout == b"pong\n"


# --- an AVR --------------------------------------------------------------------------------


async def test_an_upload_by_a_cores_program_goes_through_the_process(
    avr_port: str, env: dict[str, str], tmp_path: Path
) -> None:
    project = avr_kit.nano(tmp_path / "nano")
    async with (
        background(str(project), "--port", avr_port, env=env),
        AsyncSerialMonitor(project, backlog=1000) as monitor,
    ):
        await monitor.expect("^hello from a nano$", timeout=60)
        assert "avrdude read back what it wrote" in await done("flash", str(project), env=env)
        await monitor.expect("^hello from a nano$", timeout=30)
        (now,) = (await status()).projects
        assert now.proven == now.built
        code, _, words = await run("verify", str(project), env=env)
        assert (code, "gives no digests" in words) == (79, True), words


# --- the end -------------------------------------------------------------------------------


async def test_who_flashes_hears_of_the_outcome_though_the_process_is_told_to_end(
    env: dict[str, str], tmp_path: Path, virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board(timing="real")
    content = os.urandom(100_000)
    (tmp_path / "big.bin").write_bytes(content)
    welcome = await AsyncDaemon().ensure_running()
    arguments = ("flash", "--image", f"0x200000={tmp_path / 'big.bin'}", "--port", board.url)
    async with fbuild(*arguments, env=env) as flash:
        with trio.fail_after(30):
            while board.flash(0x200000, 4096) == b"\xff" * 4096:
                await trio.sleep(0.02)
        os.kill(welcome.pid, signal.SIGTERM)
        assert await flash.ended() == 0, flash.text
    await ended(welcome.pid)
    assert board.flash(0x200000, len(content)) == content


# --- watching ------------------------------------------------------------------------------


async def test_logs_are_followed_to_the_end(project: Path, env: dict[str, str]) -> None:
    async with background(str(project), "--port", NOWHERE, env=env):
        async with fbuild("logs", "-f", "-n", "1", env=env) as logs, AsyncClient() as client:
            await logs.see("hello: ")
            await client.pause(project)
            await logs.see("hello: -- watching is paused")
            async with aclosing(client.follow_logs(timeout=20)) as lines:
                assert "watched" in await anext(lines)
            first = await trio.to_thread.run_sync(lambda: next(iter(Client().follow_logs())))
            assert "watched" in first
            await client.shutdown()
            await logs.see("the running fbuild has ended")
            assert await logs.ended() == 0
        with pytest.raises(NotRunning):
            await status()
    code, out, _ = await run("logs", "-f", "-n", "2", env=env)
    assert code == 64
    assert len(out.splitlines()) == 2


async def test_a_process_for_projects_ends_with_the_last_one(
    project: Path, tmp_path: Path, env: dict[str, str]
) -> None:
    other = tmp_path / "other"
    copy_example(other)
    async with background(str(project), "--port", NOWHERE, env=env) as pid, AsyncClient() as client:
        await client.watch(other, port=NOWHERE)
        await client.unwatch(project)
        assert [found.project for found in (await client.status()).projects] == [str(other)]
        await client.unwatch(other)
        await ended(pid)


async def test_an_idle_process_makes_way_for_a_watch(project: Path, env: dict[str, str]) -> None:
    idle = await AsyncDaemon().ensure_running()
    async with AsyncClient() as client:
        await client.watch(project, port=NOWHERE)
        await client.unwatch(project)  # it was started for no project, and stays
        arguments = ("watch", "--detach", str(project), "--port", NOWHERE)
        code, _, words = await run(*arguments, env=env)
        assert (code, f"pid {idle.pid}" in words) == (60, True), words  # it has a client
    async with background(str(project), "--port", NOWHERE, env=env) as pid:
        assert pid != idle.pid
        await ended(idle.pid)


async def test_a_watch_that_a_client_starts_builds_in_its_environment(
    project: Path, env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = "riscv64-unknown-elf-g++"
    real = shutil.which(tool)
    if real is None:
        pytest.skip(f"{tool} is not installed")
    await AsyncDaemon().ensure_running()
    noted = tmp_path / "noted"
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / tool
    script.write_text(f'#!/bin/sh\ntouch {noted}\nexec {real} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{env['PATH']}")
    async with AsyncClient() as client:
        await client.watch(project, port=NOWHERE)
        with trio.fail_after(60):
            while not noted.exists():
                await trio.sleep(0.02)


async def test_what_was_piped_in_gives_the_seat_back_at_its_end(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    async with fbuild("watch", str(project), "--port", board.url, env=env) as watch:
        await watch.see("^tick")
        await watch.type("piped in\n")
        await watch.see("^piped in$")
        with pytest.raises(WriterBusy):
            async with AsyncSerialMonitor(project, name="two", write="yes"):
                pass
        await watch.end_input()
        with trio.fail_after(10):
            while (await status()).projects[0].writer is not None:
                await trio.sleep(0.02)
        async with AsyncSerialMonitor(project, name="two", write="yes") as monitor:
            await monitor.write("mine\n")
            await watch.see("^mine$")
        watch.signal(signal.SIGTERM)
        assert await watch.ended() == 0


# --- what clients are told -----------------------------------------------------------------


async def test_what_is_installed_for_a_build_is_told(
    project: Path, env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FBUILD_PACKAGES_DIR", str(tmp_path / "store"))
    monkeypatch.delenv("FBUILD_OFFLINE", raising=False)
    with serving() as server:
        ini = project / "platformio.ini"
        index = server.libraries({"Blinker@1.0.0": library("Blinker")})
        wanted = f"custom_fbuild_index = {index}\nlib_deps = someone/Blinker@^1\n"
        ini.write_text(ini.read_text() + wanted)
        await AsyncDaemon().ensure_running()
        steps: list[Step] = []
        async with proxy_to(server.port) as proxy, AsyncClient() as client:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)  # the client's, not the process's
            monkeypatch.delenv("NO_PROXY", raising=False)
            await client.build(project, on_progress=steps.append)
    assert f"GET {index} HTTP/1.1" in proxy.asked
    packages = [step for step in steps if isinstance(step, PackageStep)]
    assert {"downloading", "installed"} <= {step.step for step in packages}
    assert all("Blinker" in step.package for step in packages)


async def test_an_idle_older_process_steps_down_for_another_protocol(
    project: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    welcome = await AsyncDaemon().ensure_running()
    with monkeypatch.context() as newer:
        newer.setattr("fbuild_watch.api.exchange.PROTOCOL", 99)
        with pytest.raises(VersionSkew) as skew:
            await status()
        assert not skew.value.stepping_down  # it is no older than we
        newer.setattr("fbuild_watch.api.exchange.__version__", "99.0")
        with pytest.raises(VersionSkew) as skew:
            await status()
        assert skew.value.stepping_down
    await ended(welcome.pid)
    assert locate() is None
    welcome = await AsyncDaemon().ensure_running(project)
    with monkeypatch.context() as newer:
        newer.setattr("fbuild_watch.api.exchange.PROTOCOL", 99)
        newer.setattr("fbuild_watch.api.exchange.__version__", "99.0")
        with pytest.raises(VersionSkew) as skew:
            await status()
        assert not skew.value.stepping_down  # it watches a project
    assert (await status()).version == fbuild_watch.__version__


# --- the demo ------------------------------------------------------------------------------


async def test_the_demo_is_a_process_of_its_own(env: dict[str, str]) -> None:
    async with fbuild("demo", env=env) as demo:
        found = await demo.see(r"FBUILD_RUNTIME_DIR=(\S+)")
        theirs = {**env, "FBUILD_RUNTIME_DIR": found[1]}
        assert "idle | board" in await done("status", env=theirs)
        await done("attach", "--expect", "^tick", "--timeout", "20", env=theirs)
        assert "-- flashed" in await done("logs", env=theirs)
        assert (await run("status", env=env))[0] == 3  # the user's own is not touched
        demo.signal(signal.SIGTERM)
        assert await demo.ended() == 0
        shutil.rmtree(Path(found[1]).parent)
