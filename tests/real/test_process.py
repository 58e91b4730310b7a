"""The running process and all that talks to it: real compiler, real board, real sockets."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from fbuild_watch import AsyncClient, AsyncDaemon, AsyncSerialMonitor, serial
from fbuild_watch.app import Settings
from fbuild_watch.board.port import BoardPort
from fbuild_watch.control import endpoint, info
from fbuild_watch.control.news import Said, Started, State, StreamItem
from fbuild_watch.daemon.board import as_before
from fbuild_watch.daemon.boards import Boards
from fbuild_watch.daemon.room import Room
from fbuild_watch.daemon.work import Work
from fbuild_watch.errors import (
    CompileFailed,
    NotRunning,
    PortNotFound,
    TimedOut,
    UnknownEnvironment,
    WriterBusy,
)
from fbuild_watch.example import copy_example
from tests.real.conftest import ServedBoard
from tests.real.process_kit import background, ended, left_in
from tests.real.program import fbuild, run
from tests.real.terminal_session import session


async def write_when_free(monitor: AsyncSerialMonitor, text: str) -> None:
    with trio.fail_after(10):
        while True:
            try:
                return await monitor.write(text)
            except WriterBusy:
                await trio.sleep(0.01)


# --- the process ---------------------------------------------------------------------------


async def test_a_day_in_the_background(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    async with background(str(project), "--port", board.url, env=env) as pid:
        async with AsyncSerialMonitor(project, name="reader", backlog=100) as monitor:
            await monitor.expect("^hello$", timeout=60)
            code, out, _ = await run("status", "--json", env=env)
            status = json.loads(out)
            assert code == 0
            assert (status["running"], status["pid"]) == (True, pid)
            assert status["projects"][0]["project"] == str(project)
            assert status["projects"][0]["writer"] == "reader"

            # everything else goes through the process, which has the port
            code, out, words = await run("flash", str(project), "--json", env=env)
            assert code == 0, words
            said = json.loads(out)
            assert said["ok"]
            assert {region["state"] for region in said["regions"]} == {"unchanged"}
            await monitor.expect("^hello$", timeout=10)  # the board was reset for that
            code, out, _ = await run("build", str(project), env=env)
            assert code == 0
            assert "app " in out
            code, _, words = await run("verify", str(project), env=env)
            assert code == 0, words
            await monitor.expect("^hello$", timeout=10)
            code, _, words = await run("reset", str(project), env=env)
            assert code == 0, words
            await monitor.expect("^hello$", timeout=10)
            # any tick: the first may come before the command has begun to read
            arguments = ("console", str(project), "--expect", "^tick", "--timeout", "20")
            code, out, words = await run(*arguments, env=env)
            assert code == 0, words

            # an edit goes on by itself, and is logged
            header = project / "src" / "greeting.h"
            header.write_text(header.read_text().replace('"hello"', '"moin"'))
            await monitor.expect("^moin$", timeout=60)
        code, out, words = await run("logs", env=env)
        assert "-- flashed app" in out
        assert re.search(
            r"-- the board holds build .*, by fbuild flash, pid \d+$", out, re.MULTILINE
        )
        assert re.search(r"-- restarted by fbuild reset, pid \d+$", out, re.MULTILINE)
        assert "fbuild.log" in words
        assert "hello: moin" in (Path(env["FBUILD_RUNTIME_DIR"]) / "fbuild.log").read_text()
    assert (await run("status", env=env))[0] == 3
    assert left_in(Path(env["FBUILD_RUNTIME_DIR"])) == ["fbuild.lock", "fbuild.log"]
    code, out, _ = await run("logs", env=env)  # still there to be read
    assert "moin" in out


@pytest.mark.parametrize("kind", ["unix", "tcp"])
async def test_both_endpoints(project: Path, env: dict[str, str], kind: str) -> None:
    arguments = (str(project), "--port", "socket://127.0.0.1:1", "--control", kind)
    async with background(*arguments, env=env):
        found = info.read(Path(env["FBUILD_RUNTIME_DIR"]))
        assert found is not None
        assert found.endpoint is not None
        assert endpoint.parse(found.endpoint).kind == kind
        assert (await run("status", env=env))[0] == 0


async def test_a_foreground_watch_is_the_process_too(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    async with fbuild("watch", str(project), "--port", board.url, env=env) as watch:
        await watch.see("^hello$")
        async with fbuild("attach", str(project), env=env) as attached:
            await attached.see("^tick")  # nobody writes until somebody does
            await attached.type("typed at once\n")
            await attached.see("^typed at once$")
        await watch.see("^typed at once$")
        await watch.type("the seat is mine\n")
        await watch.see("^the seat is mine$")
        async with fbuild("attach", str(project), env=env) as attached:
            await attached.see("the terminal of fbuild watch is writing")
            await attached.see("^tick")
            await attached.type("not yet\n")
            await attached.see("not sent: the terminal of fbuild watch is writing")
        async with fbuild("attach", str(project), "--take", env=env) as attached:
            await attached.see("^tick")
            await attached.type("typed there\n")
            await attached.see("^typed there$")
            await watch.see("^typed there$")
            await watch.type("refused\n")
            await watch.see("not sent: .* is writing to the board")
        await watch.see("the board|^tick")  # the seat is the terminal's again
        await watch.type("typed here\n")
        await watch.see("^typed here$")
        assert (await run("stop", env=env))[0] == 0
        assert await watch.ended() == 0


async def test_a_person_at_the_terminal_writes_from_the_start(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    command = [sys.executable, "-m", "fbuild_watch", "watch", str(project), "--port", board.url]

    def sit_at_it() -> None:
        with session(command) as terminal:
            terminal.wait_for_text("tick")
            trio.from_thread.run(attach_in_vain)
            terminal.type("\x1d")
            assert terminal.wait_for_exit() == 0

    async def attach_in_vain() -> None:
        async with fbuild("attach", str(project), env=env) as attached:
            await attached.see("the terminal of fbuild watch is writing: --take takes over")

    await trio.to_thread.run_sync(sit_at_it)


@pytest.mark.parametrize("option", ["--expect=x", "--fail=x", "--timeout=1"])
async def test_a_detached_watch_has_no_output_to_judge(
    project: Path, env: dict[str, str], option: str
) -> None:
    code, _, words = await run("watch", "--detach", option, str(project), env=env)
    assert code == 2, words
    assert "--detach shows no output" in words
    assert (await run("status", env=env))[0] == 3


async def test_without_a_process_the_commands_say_so(env: dict[str, str], tmp_path: Path) -> None:
    assert (await run("status", env=env))[0] == 3
    assert (await run("stop", env=env))[0] == 0
    code, _, words = await run("attach", str(tmp_path), env=env)
    assert code == 64
    assert "fbuild watch --detach" in words
    assert await AsyncDaemon().status() is None
    with pytest.raises(NotRunning):
        await AsyncClient().status()


async def test_a_broken_project_fails_in_the_background_as_in_front(
    tmp_path: Path, env: dict[str, str]
) -> None:
    (tmp_path / "bad").mkdir()
    for arguments in (("watch",), ("watch", "--detach")):
        code, _, words = await run(*arguments, str(tmp_path / "bad"), env=env)
        assert code == 10, words
    assert (await run("status", env=env))[0] == 3


async def test_a_log_that_cannot_be_written_ends_nothing(
    project: Path, env: dict[str, str], tmp_path: Path
) -> None:
    in_its_place = Path(env["FBUILD_RUNTIME_DIR"]) / "fbuild.log"
    in_its_place.mkdir(parents=True)
    in_its_place.parent.chmod(0o700)
    async with (
        background(str(project), "--port", "socket://127.0.0.1:1", env=env) as pid,
        AsyncClient() as client,
    ):
        with trio.fail_after(30):
            while not any("cannot be written" in line for line in (await client.logs()).lines):
                await trio.sleep(0.02)
        await client.build(project)  # more is written
        lines = (await client.logs()).lines
        assert lines[0].endswith("-- watched")
        assert len([line for line in lines if "cannot be written" in line]) == 1
        assert (await client.status()).pid == pid
    code, _, words = await run("logs", env=env)
    assert code == 74, words
    assert f"{in_its_place} cannot be read" in words


# --- several projects, errors, clients -----------------------------------------------------


async def test_a_second_project_and_what_clients_are_told(
    project: Path, tmp_path: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    other = tmp_path / "other"
    copy_example(other)
    daemon = AsyncDaemon()
    welcome = await daemon.ensure_running()
    try:
        assert (await daemon.ensure_running()).pid == welcome.pid
        async with AsyncClient("the test") as client, trio.open_nursery() as nursery:
            seen: list[StreamItem] = []

            async def collect() -> None:
                async for news in client.events():
                    assert isinstance(news, StreamItem)
                    seen.append(news)

            nursery.start_soon(collect)
            await client.watch(project, port=board.url)
            await client.watch(other, port="socket://127.0.0.1:1")
            await client.watch(project)  # is watched already
            async with AsyncSerialMonitor(project, backlog=1000) as monitor:
                await monitor.expect("^hello$", timeout=60)
            status = await client.status()
            assert {found.project for found in status.projects} == {str(project), str(other)}
            assert "the test" in status.clients

            # typed errors arrive as what they were
            with pytest.raises(UnknownEnvironment) as unknown:
                await client.build(project, "nope")
            assert unknown.value.environment == "nope"
            with pytest.raises(PortNotFound):
                await client.reset(port="/dev/does-not-exist")
            source = other / "src" / "blink.cpp"
            source.write_text("broken!")
            with pytest.raises(CompileFailed) as failed:
                await client.build(other)
            assert "blink.cpp" in failed.value.diagnostics

            # a pause lets edits wait
            await client.pause(project)
            header = project / "src" / "greeting.h"
            header.write_text(header.read_text().replace('"hello"', '"later"'))
            async with AsyncSerialMonitor(project) as monitor:
                with pytest.raises(TimedOut):
                    await monitor.expect("^later$", timeout=1)
                await client.pause(project, paused=False)
                await monitor.expect("^later$", timeout=60)

            await client.unwatch(other)
            status = await client.status()
            assert [found.project for found in status.projects] == [str(project)]
            nursery.cancel_scope.cancel()
        assert any(isinstance(news.item, Started) and news.project == str(other) for news in seen)
        assert any(isinstance(news.item, State) and news.item.stage == "building" for news in seen)
        assert any(isinstance(news.item, Said) and "flashed" in news.item.text for news in seen)
    finally:
        assert await daemon.stop()
    assert await daemon.stop() is False


async def test_where_there_is_no_project_the_only_watched_one_is_meant(
    project: Path, env: dict[str, str], tmp_path: Path, virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    async with (
        background(str(project), "--port", board.url, env=env),
        AsyncSerialMonitor(project, backlog=1000) as monitor,
    ):
        await monitor.expect("^tick 1$", timeout=60)
        arguments = ("console", str(elsewhere), "--expect", "^tick", "--timeout", "20")
        code, _, words = await run(*arguments, env=env)
        assert code == 0, words
        code, _, words = await run("reset", str(elsewhere), env=env)
        assert code == 0, words
        await monitor.expect("^tick 1$", timeout=20)
        async with AsyncClient() as client:
            await client.watch(another(tmp_path), port="socket://127.0.0.1:1")
        for command in ("console", "reset", "attach"):
            code, _, words = await run(command, str(elsewhere), env=env)
            assert code == 70, words
            assert f"does not watch {elsewhere}" in words
            assert str(project) in words


def another(folder: Path) -> Path:
    copy_example(folder / "another")
    return folder / "another"


async def test_of_four_who_ask_at_once_to_watch_a_project_one_starts_it(
    project: Path, env: dict[str, str]
) -> None:
    await AsyncDaemon().ensure_running()

    async def ask() -> None:
        async with AsyncClient() as one:
            await one.watch(project, port="socket://127.0.0.1:1")

    async with trio.open_nursery() as asking:
        for _ in range(4):
            asking.start_soon(ask)
    async with AsyncClient() as client:
        await client.unwatch(project)
        said = await client.logs()
    assert [line for line in said.lines if line.endswith("-- watched")] == said.lines[:1]


async def test_while_its_board_is_away_a_watched_project_gets_no_other(
    project: Path, silent_port: str, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    another = serial.PortInfo("/dev/another", vid=0x303A)
    monkeypatch.setattr(serial, "list_ports", lambda: [another])
    boards = Boards(lambda: None)
    work = Work(boards)
    assert await work.port(str(project), None, None) == "/dev/another"

    named = Room(Settings(project, port="/dev/its-own"), lambda _project, _item: None)
    await named.load()
    boards.add(named)
    assert await work.port(str(project), None, None) == "/dev/its-own"
    boards.remove(named)

    found = Room(Settings(project), lambda _project, _item: None)
    await found.load()
    boards.add(found)
    with pytest.raises(PortNotFound):
        await work.port(str(project), None, None)
    await found.port.open(silent_port)
    assert await found.lend(name_of, leaves=as_before) == silent_port
    await found.port.aclose()
    with pytest.raises(PortNotFound) as away:
        await work.port(str(project), None, None)
    assert away.value.port == silent_port
    assert await work.port(str(project), "/dev/named", None) == "/dev/named"


async def name_of(port: BoardPort) -> str:
    return port.name


async def test_one_writer_at_a_time(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    async with (
        background(str(project), "--port", board.url, env=env),
        AsyncSerialMonitor(project, name="one", backlog=1000) as one,
    ):
        await one.expect("^hello$", timeout=60)
        async with AsyncSerialMonitor(project, name="two") as two:
            assert (one.attached.writing, two.attached.writing) == (True, False)
            with pytest.raises(WriterBusy) as busy:
                await two.write("no\n")
            assert busy.value.writer == "one"
            with pytest.raises(WriterBusy):
                async with AsyncSerialMonitor(project, name="three", write="yes"):
                    pass
            async with AsyncSerialMonitor(project, name="four", take_from="one") as four:
                await four.write("from four\n")
                await two.expect("^from four$", timeout=10)
                with pytest.raises(WriterBusy):
                    await one.write("no\n")
        await write_when_free(one, "from one\n")  # the seat is given back
        await one.expect("^from one$", timeout=10)


async def test_a_port_without_a_project(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    """Plain images, a console and a flash in turns, on a port that no project has."""
    board = virtual_board()
    assert (await run("build", str(project), env=env))[0] == 0
    built = project / ".fbuild" / "build" / "devkit"
    images = [(0, built / "bootloader.bin"), (0x8000, built / "partitions.bin"),
              (0x10000, built / "firmware.bin")]  # fmt: skip
    await AsyncDaemon().ensure_running()
    async with AsyncClient() as client:
        result = await client.flash(port=board.url, images=images)
        assert {region.state for region in result.regions} == {"written"}  # type: ignore[union-attr]
        states: list[str] = []
        async with AsyncSerialMonitor(port=board.url) as monitor:
            await client.reset(port=board.url)
            await monitor.expect("^tick 1$", timeout=20)
            result = await client.verify(port=board.url, images=images)
            assert result.success
            await monitor.expect("^tick 1$", timeout=20)
            states.append(monitor.attached.port)
        assert states == [board.url]
        await client.flash(port=board.url, images=images)  # the port is free again
        await client.shutdown()


# --- the end -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_signals_end_it_in_good_order(
    project: Path, env: dict[str, str], number: signal.Signals
) -> None:
    async with fbuild("watch", str(project), "--port", "socket://127.0.0.1:1", env=env) as watch:
        await watch.see("waiting for a board")
        watch.signal(number)
        assert await watch.ended() == 0
    assert left_in(Path(env["FBUILD_RUNTIME_DIR"])) == ["fbuild.lock"]


ERASED = b"\xff" * 4096


async def test_a_write_is_finished_whoever_dies(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    """The client is killed, then the process told to end, twice, in the middle of a slow write."""
    board = virtual_board(timing="real")
    big = project / "big.bin"
    content = os.urandom(200_000)
    big.write_bytes(content)
    await AsyncDaemon().ensure_running()
    arguments = ("flash", "--image", f"0x200000={big}", "--port", board.url)
    async with fbuild(*arguments, env=env) as flash, AsyncClient() as client:
        with trio.fail_after(30):
            while board.flash(0x200000, 4096) == ERASED:
                await trio.sleep(0.02)
        flash.signal(signal.SIGKILL)
        await flash.ended()
        status = await client.status()
        assert any("flashing" in what for what in status.busy)
        os.kill(status.pid, signal.SIGTERM)
        os.kill(status.pid, signal.SIGTERM)
    await ended(status.pid)
    assert board.flash(0x200000, len(content)) == content


async def test_the_second_watch_on_a_terminal_offers_to_attach(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    command = [sys.executable, "-m", "fbuild_watch", "watch", str(project)]

    def sit_at_it(answer: str) -> int:
        with session(command) as terminal:
            terminal.wait_for_text("attach to it?")
            terminal.type(answer)
            if answer.startswith("y"):
                terminal.wait_for(lambda screen: "attached to pid" in "\n".join(screen.lines))
                terminal.wait_for_text("tick")
                terminal.wait_for_text("ESP32-C3")  # in the bar, from the start
                terminal.type("\x14m")  # raw mode, through the process
                terminal.wait_for_text("leads back")
                terminal.type("raw keys\n")
                terminal.wait_for(lambda screen: "raw keys" in screen.shown)
                terminal.type("\x1d\x1d")
            return terminal.wait_for_exit()

    async with background(str(project), "--port", board.url, env=env):
        assert await trio.to_thread.run_sync(sit_at_it, "n\r") == 60
        assert await trio.to_thread.run_sync(sit_at_it, "y\r") == 0
        assert (await run("status", env=env))[0] == 0


async def test_a_build_runs_in_its_clients_environment(project: Path, env: dict[str, str]) -> None:
    """Two terminals with other PATHs get their own compilers from one process."""
    tool = "riscv64-unknown-elf-g++"
    real = shutil.which(tool)
    if real is None:
        pytest.skip(f"{tool} is not installed")
    noted = project.parent / "noted"
    folder = wrapped(project.parent / "bin", tool, real, noted)
    await AsyncDaemon().ensure_running()
    try:
        code, _, words = await run("build", str(project), env=env)
        assert code == 0, words
        assert not noted.exists()
        (project / "src" / "new.cpp").write_text(f"int unique = {os.getpid()};\n")
        theirs = {**env, "PATH": f"{folder}{os.pathsep}{env['PATH']}"}
        code, _, words = await run("build", str(project), env=theirs)
        assert code == 0, words
        assert noted.exists()
    finally:
        await AsyncDaemon().stop()


def wrapped(folder: Path, tool: str, real: str, noted: Path) -> Path:
    """A folder with a compiler that notes each run and then does its work."""
    folder.mkdir()
    script = folder / tool
    script.write_text(f'#!/bin/sh\ntouch {noted}\nexec {real} "$@"\n')
    script.chmod(0o755)
    return folder
