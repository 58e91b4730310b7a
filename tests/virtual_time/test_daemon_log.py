"""The lines of the running process's log."""

from __future__ import annotations

from fbuild_watch.control.news import Started, Stopped, Text
from fbuild_watch.daemon.log import Log


async def test_what_a_board_said_last_without_an_end_is_noted_when_it_is_watched_no_more() -> None:
    log = Log(None)
    for item in (Started(), Text("rea", False, 0.0), Text("dy> ", False, 0.0), Stopped()):
        log.add("/p/blink", item)
    words = [line.split(" ", 2)[2] for line in log.last(10)]
    assert words == ["blink: -- watched", "blink: ready> ", "blink: -- watched no more"]
