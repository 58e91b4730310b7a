"""Commands that work alone: beside each other, one to a port, and no process starts meanwhile."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fbuild_watch import Daemon
from fbuild_watch.control import guests, lock
from fbuild_watch.control.info import Info
from fbuild_watch.errors import LockHeld, PortBusy, RuntimeFolderUnsafe
from tests.real.conftest import ServedBoard
from tests.real.process_kit import left_in
from tests.real.program import fbuild, run

GUEST = """
import sys
from fbuild_watch.control import lock
with lock.share(sys.argv[1], stays=sys.argv[2] == "stays") as guest, guest.port(sys.argv[3]):
    print("has it", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(env: dict[str, str]) -> Path:
    return Path(env["FBUILD_RUNTIME_DIR"])


@contextmanager
def guest(command: str, how: str, port: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another command with a port to itself, until its stdin is closed."""
    arguments = [sys.executable, "-c", GUEST, command, how, port]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == b"has it\n"
        try:
            yield child
        finally:
            child.stdin.close()


# --- the locks -----------------------------------------------------------------------------


def test_guests_are_beside_each_other_and_keep_a_process_out(folder: Path) -> None:
    with guest("fbuild console", "stays", "/dev/one") as other, lock.share("fbuild flash") as ours:
        with ours.port("/dev/two"):
            assert {found.port for found in guests.living(folder)} == {"/dev/one", "/dev/two"}
        with pytest.raises(PortBusy) as busy, ours.port("/dev/one"):
            pass
        assert (busy.value.pid, busy.value.command) == (other.pid, "fbuild console")
        with pytest.raises(LockHeld) as held, lock.hold(Path("/project")):
            pass
        assert held.value.pid == other.pid
        assert "fbuild console already runs" in str(held.value)
        assert lock.holder() is None  # no process does
        assert not lock.is_held_by(other.pid)


def test_a_full_disk_is_said_and_what_was_done_stays_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with lock.share("fbuild flash") as ours, ours.port("/dev/two"):
        monkeypatch.setattr(Path, "write_text", full)
    for way in (lock.share("fbuild flash"), lock.hold()):
        with pytest.raises(RuntimeFolderUnsafe, match="No space left"), way:
            pass


def test_a_process_keeps_guests_out(folder: Path) -> None:
    with (
        lock.hold(Path("/project")),
        pytest.raises(LockHeld, match="on /project"),
        lock.share("fbuild flash"),
    ):
        pass


def test_who_ends_by_itself_is_waited_for_and_told(folder: Path) -> None:
    told: list[Info] = []

    with guest("fbuild flash", "ends", "/dev/one") as other, lock.share("fbuild verify") as ours:

        def end_it(waited_for: Info) -> None:
            told.append(waited_for)
            assert other.stdin is not None
            other.stdin.close()

        with ours.port("/dev/one", end_it):
            pass
    with guest("fbuild flash", "ends", "/dev/one") as other, lock.hold(on_wait=end_it):
        assert left_in(folder) == ["fbuild.json", "fbuild.lock"]
    assert [found.command for found in told] == ["fbuild flash"] * 2
    assert told[0].port == "/dev/one"
    assert left_in(folder) == ["fbuild.lock"]


def test_death_frees_the_port_and_what_is_left_is_not_believed(folder: Path) -> None:
    with guest("fbuild console", "stays", "/dev/one") as other:
        other.kill()
        other.wait()
        assert guests.living(folder) == []
        with lock.share("fbuild flash") as ours, ours.port("/dev/one"):
            pass
    with lock.hold():
        assert left_in(folder) == ["fbuild.json", "fbuild.lock"]


def test_two_names_of_a_device_are_one_port(folder: Path, tmp_path: Path) -> None:
    device, link = tmp_path / "ttyUSB0", tmp_path / "by-id"
    device.touch()
    link.symlink_to(device)
    with (
        guest("fbuild console", "stays", str(device)),
        lock.share("fbuild flash") as ours,
        pytest.raises(PortBusy),
        ours.port(str(link)),
    ):
        pass


def test_a_program_is_told_what_keeps_a_process_from_starting(folder: Path) -> None:
    with guest("fbuild console", "stays", "/dev/one") as other, pytest.raises(LockHeld) as held:
        Daemon().ensure_running()
    assert held.value.pid == other.pid


# --- the commands --------------------------------------------------------------------------


async def test_two_flashes_of_one_board_and_a_watch_that_starts_meanwhile(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    assert (await run("build", str(project), env=env))[0] == 0
    flash = ("flash", str(project), "--port", board.url)
    with guest("fbuild read", "ends", board.url) as other:
        async with (
            fbuild(*flash, env=env) as one,
            fbuild(*flash, env=env) as two,
            fbuild("watch", str(project), "--port", board.url, env=env) as watch,
        ):
            for command in (one, two):
                await command.see(f"^waiting for fbuild read, pid {other.pid} on {board.url}$")
            named: set[int] = set()
            while not named >= {other.pid, one.pid, two.pid}:  # in any order
                named.add(int((await watch.see(r"^waiting for fbuild \w+, pid (\d+)"))[1]))
            assert other.stdin is not None
            other.stdin.close()
            assert (await one.ended(), await two.ended()) == (0, 0)
            texts = sorted(command.text.count("unchanged") for command in (one, two))
            assert texts == [0, 3]  # one has written, the other found it done
            await watch.see("^tick 1$")


async def test_a_console_that_stays_lends_its_board_and_is_named(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board()
    where = (str(project), "--port", board.url)
    async with fbuild("console", *where, env=env) as console:
        await console.see("invalid header")  # the board is empty
        code, out, words = await run("flash", *where, env=env)
        assert (code, out.count("written")) == (0, 3), words
        await console.see("^tick 1$")
        code, _, words = await run("verify", *where, env=env)
        assert code == 0, words
        code, _, words = await run("reset", *where, env=env)
        assert code == 0, words
        await console.see("^-- restarted by fbuild reset")
        await console.see("^tick 1$")

        code, _, words = await run("console", *where, env=env)
        assert (code, f"pid {console.pid} (fbuild console)" in words) == (43, True), words
        for arguments in (("watch", *where), ("watch", "--detach", *where)):
            code, _, words = await run(*arguments, env=env)
            assert code == 60, words
            assert f"fbuild console already runs as pid {console.pid} on {board.url}" in words
        console.signal(signal.SIGTERM)
        assert await console.ended() == 130
    assert left_in(Path(env["FBUILD_RUNTIME_DIR"]))[0] == "fbuild.lock"
    assert (await run("reset", "--port", board.url, env=env))[0] == 0
