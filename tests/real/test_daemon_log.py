"""The log's file."""

from __future__ import annotations

from pathlib import Path

import trio
import trio.testing

from fbuild_watch.daemon.log import Log


async def test_what_a_slow_disk_does_not_take_is_bounded_and_said(tmp_path: Path) -> None:
    path = tmp_path / "fbuild.log"
    log = Log(path)
    for number in range(30_000):  # before anybody writes: 3 MB
        log.say("/p", f"{number} {'x' * 70}")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.run)
        await trio.testing.wait_all_tasks_blocked(0.01)
        log.say("/p", "last")
        nursery.cancel_scope.cancel()
    lines = await trio.to_thread.run_sync(lambda: path.read_text().splitlines())
    assert "lines were lost: the disk was too slow" in lines[0]
    assert path.stat().st_size < 2 << 20
    assert lines[-2].split()[3] == "29999"
    assert lines[-1].endswith("p: last")
