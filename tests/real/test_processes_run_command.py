"""The one place that starts programs, with real ones: their output, their limits and their end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
import trio

from fbuild_watch.errors import CommandNotStarted, TimedOut
from fbuild_watch.processes import run_command as module
from fbuild_watch.processes.any_loop import run_in_any_loop
from fbuild_watch.processes.blocking import run_blocking
from fbuild_watch.processes.ended import typed
from fbuild_watch.processes.run_command import LastingGroup, ProcessGroup, child, run_command
from fbuild_watch.system import surroundings
from tests.real.build_kit import wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")


def sh(script: str) -> Sequence[str]:
    return ("/bin/sh", "-c", script)


def is_running(pid: int) -> bool:
    """In a container nobody may bury the dead."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def pid_in(path: Path) -> int:
    await wait_until(lambda: path.exists() and path.read_text().endswith("\n"))
    return pid(path)


def pid(path: Path) -> int:
    return int(path.read_text())


# --- what comes of a command ---------------------------------------------------------------


async def test_its_end_and_its_two_outputs() -> None:
    ended = await run_command(sh("echo out; echo err >&2; exit 3"))
    assert (ended.code, ended.stdout, ended.stderr) == (3, b"out\n", b"err\n")
    assert ended.words == "out\nerr\n"
    assert 0 < ended.seconds < 10


async def test_merged_output_keeps_its_order() -> None:
    ended = await run_command(sh("echo 1; echo 2 >&2; echo 3"), merged=True)
    assert (ended.stdout, ended.stderr) == (b"1\n2\n3\n", b"")


async def test_what_is_no_utf8_is_told_apart_from_what_is() -> None:
    ended = await run_command(sh(r"printf 'a\377\r\nb'"))
    assert ended.stdout == b"a\xff\r\nb"
    assert ended.words == "a\ufffd\nb"


async def test_the_signal_that_ended_it() -> None:
    assert (await run_command(sh("kill -KILL $$"))).code == -signal.SIGKILL


async def test_its_input_is_all_that_it_gets() -> None:
    data = os.urandom(300_000)  # more than a pipe holds
    ended = await run_command(("cat",), input=data)
    assert ended.stdout == data
    assert (await run_command(("cat",))).stdout == b""


async def test_one_that_does_not_want_its_input() -> None:
    assert (await run_command(sh("exit 0"), input=b"x" * 300_000)).code == 0


async def test_output_is_told_as_it_comes(tmp_path: Path) -> None:
    """The second half is written only after the first was heard."""
    heard: list[tuple[str, bytes]] = []
    go = tmp_path / "go"

    def hear(stream: str, data: bytes) -> None:
        heard.append((stream, data))
        go.touch()

    script = f"echo first; while [ ! -e '{go}' ]; do sleep 0.01; done; echo second >&2"
    with trio.fail_after(20):
        await run_command(sh(script), on_output=hear)
    assert heard == [("stdout", b"first\n"), ("stderr", b"second\n")]


async def test_its_folder_and_its_environment(tmp_path: Path) -> None:
    ended = await run_command(sh("pwd; echo $COLOUR"), cwd=tmp_path, env={"COLOUR": "red"})
    assert ended.words == f"{tmp_path}\nred\n"


async def test_the_environment_of_who_asks_finds_the_program(tmp_path: Path) -> None:
    tool = tmp_path / "only-here"
    tool.write_text('#!/bin/sh\necho "$MINE"\n')
    tool.chmod(0o755)
    with pytest.raises(CommandNotStarted):
        await run_command(("only-here",))
    with surroundings.of({"PATH": f"{tmp_path}:{os.environ['PATH']}", "MINE": "colours"}):
        assert (await run_command(("only-here",))).words == "colours\n"


# --- what cannot be started ----------------------------------------------------------------


async def test_a_program_that_is_not_there() -> None:
    with pytest.raises(CommandNotStarted, match="it is not there") as failure:
        await run_command(("no-such-program", "x"))
    assert (failure.value.program, failure.value.missing) == ("no-such-program", True)
    with pytest.raises(CommandNotStarted):
        run_blocking(("no-such-program",))
    with pytest.raises(CommandNotStarted):
        await run_in_any_loop(("no-such-program",))


async def test_a_folder_that_is_not_there_is_no_missing_program(tmp_path: Path) -> None:
    with pytest.raises(CommandNotStarted, match="there is no folder") as failure:
        await run_command(sh("true"), cwd=tmp_path / "away")
    assert not failure.value.missing


async def test_a_file_that_the_system_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "tool").write_bytes(b"\x7fELF no program")
    (tmp_path / "tool").chmod(0o755)
    with pytest.raises(CommandNotStarted, match="format") as failure:
        await run_command((tmp_path / "tool",))
    assert not failure.value.missing


async def test_a_script_is_looked_for_where_it_would_run(tmp_path: Path) -> None:
    (tmp_path / "build.sh").write_text("#!/no/such/shell\n")
    for mode in (0o644, 0o755):
        (tmp_path / "build.sh").chmod(mode)
        with pytest.raises(CommandNotStarted) as failure:
            await run_command(("./build.sh",), cwd=tmp_path)
        assert not failure.value.missing
    with pytest.raises(CommandNotStarted) as failure:
        await run_command(("./other.sh",), cwd=tmp_path)
    assert failure.value.missing


# --- the end -------------------------------------------------------------------------------


def family(folder: Path, *, deaf: bool = False) -> Sequence[str]:
    """A program whose child has a child; all of them last, and write their pids down."""
    ignore = "trap '' TERM; " if deaf else ""
    inner = f"{ignore}echo $$ > '{folder}/grandchild'; while :; do sleep 0.05; done"
    (folder / "inner").write_text(inner)
    middle = f"{ignore}/bin/sh '{folder}/inner' & echo $$ > '{folder}/child'; wait; wait; wait"
    (folder / "middle").write_text(middle)
    return sh(f"{ignore}/bin/sh '{folder}/middle' & echo $$ > '{folder}/leader'; wait; wait; wait")


async def pids(folder: Path) -> list[int]:
    return [await pid_in(folder / name) for name in ("leader", "child", "grandchild")]


@pytest.mark.parametrize("deaf", [False, True])
@pytest.mark.parametrize("kind", [None, ProcessGroup, LastingGroup])
async def test_a_cancel_ends_it_with_its_childrens_children(
    tmp_path: Path, kind: type[ProcessGroup] | type[LastingGroup] | None, deaf: bool
) -> None:
    group = kind() if kind else None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: run_command(family(tmp_path, deaf=deaf), group=group))
        started = await pids(tmp_path)
        assert all(map(is_running, started))
        nursery.cancel_scope.cancel()
    await wait_until(lambda: not any(map(is_running, started)))
    if isinstance(group, ProcessGroup):
        group.kill()


async def test_the_end_of_one_is_the_end_of_its_group(tmp_path: Path) -> None:
    group, codes = ProcessGroup(), []

    async def other() -> None:
        codes.append((await run_command(("sleep", "60"), group=group)).code)

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(other)
        with pytest.raises(TimedOut):
            await run_command(("sleep", "60"), group=group, time_limit=0.3)
    assert codes == [-signal.SIGTERM] * 4
    group.kill()
    assert (await run_command(sh("exit 4"), group=group)).code == 4  # it can be used again
    group.kill()


async def test_a_time_limit(tmp_path: Path) -> None:
    with trio.fail_after(10), pytest.raises(TimedOut) as failure:
        await run_command(family(tmp_path), time_limit=0.5)
    assert failure.value.fields()["seconds"] == 0.5
    await wait_until(lambda: not is_running(pid(tmp_path / "leader")))


async def test_an_error_of_the_listener_ends_it(tmp_path: Path) -> None:
    def break_down(_stream: str, _data: bytes) -> None:
        raise ZeroDivisionError

    script = f"echo $$ > '{tmp_path}/pid'; echo out; exec sleep 60"
    with pytest.RaisesGroup(ZeroDivisionError):
        await run_command(sh(script), on_output=break_down)
    assert not is_running(pid(tmp_path / "pid"))


async def test_a_child_that_holds_the_pipes_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REST_S", 0.2)
    with trio.fail_after(10):
        ended = await run_command(sh(f"echo done; sleep 60 & echo $! > '{tmp_path}/pid'"))
    assert ended.stdout == b"done\n"
    left = await pid_in(tmp_path / "pid")
    await wait_until(lambda: not is_running(left))  # a group of its own leaves nothing


OURS = """
import sys, trio
from fbuild_watch.processes.run_command import *
group = {"kept": ProcessGroup, "lasting": LastingGroup}[sys.argv[1]]()
trio.run(lambda: run_command(("/bin/sh", "-c", sys.argv[2]), group=group))
"""


@pytest.mark.parametrize("kind", ["kept", "lasting"])
async def test_kill_9_of_us_ends_a_compiler_and_not_an_upload(tmp_path: Path, kind: str) -> None:
    script = f"sleep 60 & echo $! > '{tmp_path}/pid'; wait"
    async with trio.open_nursery() as nursery:
        us = await nursery.start(trio.run_process, [sys.executable, "-c", OURS, kind, script])
        left = await pid_in(tmp_path / "pid")
        nursery.cancel_scope.cancel()
        us.kill()
    if kind == "kept":
        await wait_until(lambda: not is_running(left))
    else:
        assert is_running(left)
        os.kill(left, signal.SIGKILL)


# --- a program for the length of a block ---------------------------------------------------


async def test_a_child_lives_as_long_as_its_block() -> None:
    async with child(sh("read line; echo heard $line; read line; exit 0")) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        await process.stdin.send_all(b"one\n")
        assert await process.stdout.receive_some() == b"heard one\n"
        assert process.returncode is None
    assert process.returncode == 0


async def test_a_child_that_does_not_leave_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    async with child(("sleep", "60")) as process:
        pass
    assert process.returncode == -signal.SIGTERM


def test_a_command_as_a_person_would_type_it() -> None:
    assert typed(("tool", Path("/a b/it's"), "$x")) == """tool '/a b/it'"'"'s' '$x'"""


async def test_the_ways_without_trio() -> None:
    for ended in (run_blocking(sh("echo a; exit 2")), await run_in_any_loop(sh("echo a; exit 2"))):
        assert (ended.code, ended.stdout) == (2, b"a\n")
