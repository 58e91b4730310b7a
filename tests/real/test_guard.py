"""The guard of the event loop sees what blocks there, in this process and in those it starts."""

from __future__ import annotations

import importlib
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.guard import plugin
from tests.guard.named_places import NAMED

PRETENDED = """
import trio

def does(work): work()

async def awaits(work): does(work)

async def asks_a_thread(work): await trio.to_thread.run_sync(does, work)

def named(work): does(work)

async def goes_there(work): named(work)
"""


def pretended(source: str = PRETENDED) -> dict[str, Any]:
    """A module of fbuild that there is not."""
    names: dict[str, Any] = {"__name__": "fbuild_watch.pretended"}
    exec(compile(source, "<pretended>", "exec"), names)
    return names


@pytest.fixture
def server() -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()


@pytest.mark.parametrize(
    "call",
    [
        "open(path / 'new', 'w').close()",
        "path.stat()",
        "os.path.realpath(path)",
        "list(path.iterdir())",
        "path.rename(path)",
        "(path / 'folder').mkdir()",
        "os.access(path, os.R_OK)",
        "time.sleep(0.001)",
        "os.system('true')",
        "subprocess.run(['true'])",
        "socket.getaddrinfo('127.0.0.1', 1)",
        "socket.create_connection(server).close()",
    ],
)
async def test_each_kind_of_call_is_seen(
    tmp_path: Path, server: tuple[str, int], call: str
) -> None:
    source = f"import os, socket, subprocess, time\nasync def blocks(path, server):\n    {call}\n"
    await pretended(source)["blocks"](tmp_path, server)
    assert plugin.take()


async def test_what_a_test_does_itself_is_not_fbuilds(tmp_path: Path) -> None:
    pretended()["does"](tmp_path.stat)
    await pretended()["awaits"](lambda: tmp_path.stat())
    assert plugin.take() == []


async def test_what_is_said_names_the_way(tmp_path: Path) -> None:
    await pretended()["awaits"](tmp_path.stat)
    (said,) = plugin.take()
    assert said.startswith("os.stat(")
    steps = [line.split()[0] for line in said.splitlines()[1:]]
    assert steps == ["fbuild_watch.pretended:does", "fbuild_watch.pretended:awaits"]


async def test_a_callback_of_the_loop_is_seen_too(tmp_path: Path) -> None:
    done = trio.Event()
    does = pretended()["does"]
    token = trio.lowlevel.current_trio_token()
    token.run_sync_soon(does, tmp_path.stat)
    token.run_sync_soon(done.set)
    await done.wait()
    assert len(plugin.take()) == 1


@pytest.mark.parametrize("name", ["asks_a_thread", "goes_there"])
async def test_what_is_right_is_not_seen(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NAMED, "fbuild_watch.pretended:named", "for this test")
    call: Callable[..., Awaitable[None]] = pretended()[name]
    await call(tmp_path.stat)
    assert plugin.take() == []


async def test_trio_is_trusted_with_what_it_does_for_us(tmp_path: Path) -> None:
    source = """
import trio
async def everything(path):
    await trio.Path(path).stat()
    await trio.run_process(["true"])
    (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0].socket.close()
"""
    await pretended(source)["everything"](tmp_path)
    assert plugin.take() == []


def test_it_watches_the_programs_that_tests_start(tmp_path: Path) -> None:
    source = "names = {'__name__': 'fbuild_watch.pretended'}\n"
    source += f"exec(compile({PRETENDED!r}, '<pretended>', 'exec'), names)\n"
    source += (
        f"import pathlib, trio\ntrio.run(names['awaits'], pathlib.Path({str(tmp_path)!r}).stat)"
    )
    subprocess.run([sys.executable, "-c", source], check=True)
    (said,) = plugin.take()
    assert "fbuild_watch.pretended:awaits" in said


@pytest.mark.parametrize("place", NAMED)
def test_each_named_place_is_there(place: str) -> None:
    module, _, name = place.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    assert callable(found)
    assert NAMED[place]
