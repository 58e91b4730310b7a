"""Upload programs that do well, fail, are missing, stall, or are cancelled: real processes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import trio
import trio.testing

from fbuild_watch.board import port as board_port
from fbuild_watch.board import tool_upload
from fbuild_watch.board.port import BoardPort
from fbuild_watch.errors import PortLost, PortNotFound, ToolMissing, UploadFailed, UploadStalled
from fbuild_watch.flash import Listener, Progress
from fbuild_watch.flash.recipe_upload import run_recipe
from fbuild_watch.model import ConsoleItem, UploadRecipe
from fbuild_watch.serial import PortInfo
from tests.real.build_kit import script, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its tools are shell scripts")


def recipe(tmp_path: Path, body: str, **more: bool) -> UploadRecipe:
    return UploadRecipe("tool", (script(tmp_path / "tool", body), "{serial.port}"), **more)


async def test_words_progress_and_proof(tmp_path: Path) -> None:
    seen: list[Progress] = []
    erasing: list[bool] = []
    listener = Listener(progress=seen.append, erasing=lambda: erasing.append(True))
    tool = recipe(tmp_path, 'echo "port $1"; echo "Verify OK"; printf "writing 50%%" >&2')
    report = await run_recipe(tool, "/dev/x", listener)
    assert (report.port, report.tool, report.proof) == ("/dev/x", "tool", "tool-verified")
    assert report.stdout == "port /dev/x\nVerify OK\n"
    assert report.stderr == "writing 50%"
    assert Progress("being written", 50, 100) in seen
    assert erasing == [True]
    assert set(report.phases) == {"written"}


async def test_a_failure_has_its_words(tmp_path: Path) -> None:
    tool = recipe(tmp_path, "echo out; echo 'tool error: no sync' >&2; exit 3")
    with pytest.raises(UploadFailed, match=r"exit code 3\): tool error: no sync") as failure:
        await run_recipe(tool, "/dev/x", Listener())
    assert (failure.value.status, failure.value.stdout) == (3, "out\n")
    assert failure.value.stderr == "tool error: no sync\n"


async def test_a_missing_program(tmp_path: Path) -> None:
    tool = UploadRecipe("bossac", (str(tmp_path / "bossac"),))
    with pytest.raises(ToolMissing, match="bossac uploads to this board"):
        await run_recipe(tool, "/dev/x", Listener())


async def test_a_silent_program_is_ended_with_its_children(tmp_path: Path) -> None:
    tool = recipe(tmp_path, f"sleep 60 & echo $! > '{tmp_path}/child'; echo begun; wait")
    with pytest.raises(UploadStalled, match=r"said nothing for 0\.3 s") as failure:
        await run_recipe(tool, "/dev/x", Listener(), silence=0.3)
    assert failure.value.fields()["stdout"] == "begun\n"
    child = int((tmp_path / "child").read_text())
    await wait_until(lambda: not Path(f"/proc/{child}/stat").exists() or _is_dead(child))


def _is_dead(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


async def test_one_that_works_on_in_silence_of_its_pipes_is_not_waited_for(tmp_path: Path) -> None:
    tool = recipe(tmp_path, "echo done; sleep 30 &")  # the child holds the pipes
    with trio.fail_after(15):
        report = await run_recipe(tool, "/dev/x", Listener())
    assert report.stdout == "done\n"


async def test_a_write_is_not_abandoned(tmp_path: Path) -> None:
    tool = recipe(tmp_path, f"echo begun; sleep 0.5; touch '{tmp_path}/whole'")
    with trio.CancelScope() as scope:
        await run_recipe(tool, "/dev/x", Listener(progress=lambda _progress: scope.cancel()))
    assert scope.cancel_called
    assert (tmp_path / "whole").exists()


# --- the port around it --------------------------------------------------------------------


class Ports:
    """The ports of a machine, one look after the other; the last look stays."""

    def __init__(self, *looks: list[str]) -> None:
        self._looks = list(looks)

    def __call__(self) -> list[PortInfo]:
        names = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        return [PortInfo(name) for name in names]


async def test_the_bootloaders_port_is_waited_for_and_then_the_boards_own(
    tmp_path: Path, silent_port: str
) -> None:
    tool = recipe(tmp_path, "echo $1", touch_1200=True, wait_for_port=True)
    ports = Ports(
        [silent_port, "b"], [silent_port, "b"], ["b"], ["b", "boot"], ["b"], ["b", silent_port]
    )
    report = await tool_upload.upload(tool, silent_port, Listener(), look=ports)
    assert report.stdout == "boot\n"
    assert report.port == silent_port


async def test_a_port_that_goes_and_comes_back_is_the_bootloaders(
    tmp_path: Path, silent_port: str
) -> None:
    tool = recipe(tmp_path, "echo $1", touch_1200=True, wait_for_port=True)
    ports = Ports([silent_port, "b"], ["b"], ["b"], [silent_port, "b"])
    report = await tool_upload.upload(tool, silent_port, Listener(), look=ports)
    assert report.stdout == f"{silent_port}\n"


async def test_no_bootloader_comes_up(
    tmp_path: Path, silent_port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool_upload, "APPEAR_S", 0.5)
    tool = recipe(tmp_path, "echo $1", touch_1200=True, wait_for_port=True)
    with pytest.raises(PortNotFound) as failure:
        await tool_upload.upload(
            tool, silent_port, Listener(), look=Ports([silent_port, "b"], ["b"])
        )
    assert "reset button twice" in failure.value.hint


async def nothing_shown(_item: ConsoleItem) -> None:
    """A console that shows nothing."""


async def test_the_port_is_the_loops_again_after_an_upload(
    tmp_path: Path, silent_port: str
) -> None:
    """Closed while the tool has it; open, and open to be read, afterwards; also after a failure."""
    board = BoardPort(nothing_shown, 9600)
    await board.open(silent_port)
    try:
        with trio.fail_after(10):
            await board.upload(recipe(tmp_path, f"exec 3<>'{silent_port}'"), Listener())
            with pytest.raises(UploadFailed):
                await board.upload(recipe(tmp_path, "exit 1"), Listener())
        assert (board.name, board.lent) == (silent_port, False)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(board.read)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    finally:
        await board.aclose()


async def test_a_port_that_stays_away_after_an_upload_is_lost(
    tmp_path: Path, silent_port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_port, "COME_BACK_S", 0.2)
    monkeypatch.setattr(board_port, "RETRY_S", 0.05)
    link = tmp_path / "tty"
    link.symlink_to(silent_port)
    board = BoardPort(nothing_shown, 9600)
    await board.open(str(link))
    try:
        with pytest.raises(PortLost, match="did not come back after the upload"):
            await board.upload(recipe(tmp_path, f"rm '{link}'"), Listener())
    finally:
        await board.aclose()


async def test_without_a_touch_no_port_is_looked_for(tmp_path: Path) -> None:
    tool = recipe(tmp_path, "echo $1")
    report = await tool_upload.upload(tool, "/dev/x", Listener(), look=Ports())
    assert report.stdout == "/dev/x\n"
