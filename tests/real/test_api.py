"""The API's two faces on a running process: no threads, the same under trio and asyncio."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from contextlib import aclosing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trio

import fbuild_watch
from fbuild_watch import AsyncClient, AsyncDaemon, AsyncSerialMonitor, Client, Daemon, SerialMonitor
from fbuild_watch.api.aio import link as aio_link
from fbuild_watch.api.sync import link as sync_link
from fbuild_watch.control import ask, endpoint, messages, news
from fbuild_watch.control.locate import Located, locate
from fbuild_watch.errors import (
    CompileFailed,
    ControlLost,
    NotAnswering,
    NotRunning,
    TimedOut,
    UnknownEnvironment,
    VersionSkew,
)
from tests.real.conftest import ServedBoard
from tests.real.program import python

EXAMPLES = Path(__file__).parents[2] / "examples" / "api"


@pytest.fixture
def daemon(env: dict[str, str]) -> Daemon:
    running = Daemon()
    running.ensure_running()
    return running


def test_the_sync_face(
    daemon: Daemon, project: Path, virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    before = threading.active_count()
    with Client("a script") as client:
        steps: list[news.Step] = []
        result = client.build(project, on_progress=steps.append)
        assert result.success
        assert {region.name for region in result.regions} == {"bootloader", "partitions", "app"}
        assert any(isinstance(step, news.UnitBuilt) for step in steps)
        result = client.deploy(project, port=board.url)
        assert result.port == board.url
        assert result.device is not None
        assert result.device.chip.startswith("ESP32-C3")
        client.watch(project, port=board.url)
        states: list[str] = []

        def on_event(event: object) -> None:
            if isinstance(event, news.State):
                states.append(event.port_use)

        with SerialMonitor(project, backlog=100, on_event=on_event) as monitor:
            monitor.expect("^tick 1$", timeout=60)
            client.flash(project)  # a flash takes the port, and gives it back
            monitor.expect("^tick 1$", timeout=20)
            assert "console" in states[states.index("flasher") :]
            monitor.write("hello board\n")
            assert monitor.expect("^hello (board)$", timeout=10)[1] == "board"
            assert any(line.startswith("tick") for line in monitor.read_lines(timeout=2.5))
        with pytest.raises(UnknownEnvironment):
            client.build(project, "nope")
        with pytest.raises(TimedOut):
            client.flash(project, timeout=0.001)
        assert client.status().pid  # connected anew
    assert threading.active_count() <= before


async def the_async_face(project: Path) -> str:
    async with AsyncClient("async") as client:
        result = await client.build(project)
        assert result.success
        (project / "src" / "blink.cpp").write_text("broken")
        with pytest.raises(CompileFailed) as failed:
            await client.build(project)
        assert failed.value.diagnostics
        await client.watch(project, port="socket://127.0.0.1:1")
        async with aclosing(client.events(timeout=30)) as events:
            first = await anext(events)
            assert isinstance(first, news.StreamItem)
            assert first.project == str(project)
        status = await client.status()
        return status.version


@pytest.mark.parametrize("runner", [trio.run, lambda main, arg: asyncio.run(main(arg))])
def test_the_async_face_under_both(daemon: Daemon, project: Path, runner: Any) -> None:
    threads = threading.active_count()
    assert runner(the_async_face, project) == fbuild_watch.__version__
    assert threading.active_count() <= threads + 1  # trio keeps a thread for its own use


def test_a_monitor_follows_a_restarted_process(
    daemon: Daemon, project: Path, virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    with Client() as client:
        client.watch(project, port=board.url)
    with SerialMonitor(project, backlog=100) as monitor:
        monitor.expect("^tick", timeout=60)
        assert daemon.stop()
        daemon.ensure_running(project=None)
        with Client() as client:
            client.watch(project, port=board.url)
        monitor.expect("^tick", timeout=60)
    with SerialMonitor(project, reconnect=False) as monitor:
        daemon.stop()
        with pytest.raises(ControlLost):
            monitor.expect("^never$", timeout=20)


def test_a_silent_process_is_not_said_to_be_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = endpoint.Endpoint("unix", path=str(tmp_path / "s"))
    located = Located(4711, "0.1.0", where, "")
    for module in (sync_link, aio_link):
        monkeypatch.setattr(module, "CONNECT_S", 0.05)
    monkeypatch.setattr(ask, "ANSWER_S", 0.05)
    monkeypatch.setattr(aio_link, "locate", lambda: located)
    with where.make_socket() as silent:
        silent.bind(where.address)
        silent.listen()
        for use in (
            lambda: Client(located=located).status(),
            lambda: asyncio.run(AsyncClient().status()),
            lambda: ask.ask(located, "status"),
        ):
            with pytest.raises(NotAnswering, match="pid 4711") as caught:
                use()
            assert "kill -9 4711" in caught.value.hint


def test_a_monitor_that_is_not_open_says_how_it_is(tmp_path: Path) -> None:
    monitor = SerialMonitor(tmp_path)
    for use in (lambda: monitor.attached, lambda: monitor.write("x"), monitor.read_line):
        with pytest.raises(ControlLost, match="use it in a with block"):
            use()


def test_without_a_process(tmp_path: Path, env: dict[str, str]) -> None:
    with pytest.raises(NotRunning), SerialMonitor(tmp_path):
        pass
    assert Daemon().status() is None
    assert Daemon().stop() is False
    with pytest.raises(NotRunning):
        asyncio.run(AsyncClient().status())

    async def monitor() -> None:
        async with AsyncSerialMonitor(tmp_path):
            pass

    with pytest.raises(NotRunning):
        trio.run(monitor)


def test_an_older_idle_process_steps_down(
    daemon: Daemon, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = locate()
    assert first is not None
    assert daemon.ensure_running().pid == first.pid
    monkeypatch.setattr("fbuild_watch.api.sync.daemon.__version__", "99.0")
    with Client() as client:
        client.watch(project, port="socket://127.0.0.1:1")
        assert daemon.ensure_running().pid == first.pid  # busy: it stays
        client.unwatch(project)
    monkeypatch.setattr("fbuild_watch.api.sync.daemon.launch.is_older", lambda pid, _: True)
    with pytest.raises(TimedOut):
        daemon.ensure_running(timeout=1)  # each new one is "older" too, and steps down
    assert first.pid != getattr(locate(), "pid", None)


def test_another_protocol_is_said_and_stop_works_all_the_same(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fbuild_watch.api.exchange.PROTOCOL", 99)
    with pytest.raises(VersionSkew):
        Client().status()
    with pytest.raises(VersionSkew):
        trio.run(AsyncDaemon().status)
    assert daemon.stop()
    assert locate() is None


def test_status_and_the_protocol_agree() -> None:
    assert ask.PROTOCOL == messages.PROTOCOL


@pytest.mark.parametrize("example", ["deploy.py", "firmware_test.py"])
async def test_the_examples_do_what_they_say(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard], example: str
) -> None:
    board = virtual_board()
    async with python(str(EXAMPLES / example), str(project), board.url, env=env) as done:
        assert await done.ended() == 0, done.text
    assert ("it says: " in done.text) or ("passed" in done.text)


async def test_the_example_that_watches_prints_what_happens(
    project: Path, env: dict[str, str]
) -> None:
    script = str(EXAMPLES / "watch_events.py")
    async with python(script, str(project), env=env) as watching, trio.open_nursery() as nursery:
        nursery.start_soon(edit_again_and_again, project)  # nobody says when it listens
        lines = await watching.see(r"(?:.+\n){3}")
        nursery.cancel_scope.cancel()
    seen = [json.loads(line) for line in lines[0].splitlines()]
    assert {event["project"] for event in seen} == {str(project)}
    assert "state" in {event["item"]["type"] for event in seen}


async def edit_again_and_again(project: Path) -> None:
    for number in count():
        (project / "src" / "greeting.h").write_text(f'#define GREETING "{number}"\n')
        await trio.sleep(0.3)
