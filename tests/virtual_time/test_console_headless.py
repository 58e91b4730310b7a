"""The headless console: what it prints, when it ends, and with what."""

from __future__ import annotations

from io import StringIO
from math import inf
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from fbuild_watch.console.headless import run_headless
from fbuild_watch.console.output import Write
from fbuild_watch.errors import ExpectTimeout, FailMatched, FbuildError, InvalidPattern
from fbuild_watch.model import ConsoleItem, DeviceText, Notice, Status


class Run:
    """One headless console; `items` are sent a second apart from each other."""

    def __init__(self) -> None:
        self.out, self.words = StringIO(), StringIO()
        self.seconds = 0.0

    async def __call__(self, *items: ConsoleItem | str, end: bool = False, **options: Any) -> None:
        send, receive = trio.open_memory_channel[ConsoleItem](inf)
        start = trio.current_time()
        arguments = {"expect": [], "fail": [], "timeout": None, **options}
        error = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._feed, send, items, end)
            try:
                await run_headless(receive, out=into(self.out), words=into(self.words), **arguments)
            except FbuildError as caught:
                error = caught
            self.seconds = trio.current_time() - start
            nursery.cancel_scope.cancel()
        if error is not None:
            raise error

    async def _feed(
        self, send: trio.MemorySendChannel[ConsoleItem], items: tuple[Any, ...], end: bool
    ) -> None:
        for item in items:
            await trio.sleep(1)
            send.send_nowait(line(item) if isinstance(item, str) else item)
        if end:
            send.close()


def into(stream: StringIO) -> Write:
    async def write(text: str) -> None:
        await trio.lowlevel.checkpoint()
        stream.write(text)

    return write


def line(text: str) -> DeviceText:
    return DeviceText(text, complete=True, at=0.0)


def part(text: str) -> DeviceText:
    return DeviceText(text, complete=False, at=0.0)


@pytest.fixture
def run() -> Run:
    return Run()


async def test_lines_go_to_out_and_notices_to_words(autojump_clock: MockClock, run: Run) -> None:
    items = [line("a"), part("b"), Notice("flashed", "good"), part("c"), line(""), Status("x")]
    await run(*items, Notice("a.cpp:1\nb.cpp:2", "bad"), timeout=60)
    assert run.out.getvalue() == "a\nbc\n"
    assert run.words.getvalue() == "-- flashed --\na.cpp:1\nb.cpp:2\n"


async def test_it_ends_when_every_pattern_was_seen_in_any_order(
    autojump_clock: MockClock, run: Run
) -> None:
    await run("tick 1", "hello", "tick 2", "never", expect=["hello", r"tick \d"], timeout=60)
    assert run.seconds == pytest.approx(2)
    assert run.out.getvalue() == "tick 1\nhello\n"


async def test_a_pattern_is_searched_without_colours_and_in_a_prompt(
    autojump_clock: MockClock, run: Run
) -> None:
    await run(part("\x1b[32m>"), part("\x1b[0m>> "), expect=[r"^>>> $"], timeout=60)
    assert run.out.getvalue() == "\x1b[32m>\x1b[0m>> "


async def test_a_pattern_does_not_match_across_lines(autojump_clock: MockClock, run: Run) -> None:
    with pytest.raises(ExpectTimeout):
        await run("hel", "lo", expect=["hello"], timeout=60)


async def test_a_missing_pattern_at_the_timeout(autojump_clock: MockClock, run: Run) -> None:
    with pytest.raises(ExpectTimeout) as caught:
        await run("hello", expect=["hello", "world"], timeout=60)
    assert caught.value.fields()["missing"] == ["world"]
    assert run.seconds == pytest.approx(60)


async def test_a_fail_pattern_ends_it_at_once_and_counts_first(
    autojump_clock: MockClock, run: Run
) -> None:
    with pytest.raises(FailMatched, match="panic") as caught:
        await run("x", "panic: done", expect=["done"], fail=["^pan"], timeout=60)
    assert caught.value.fields()["line"] == "panic: done"
    assert run.seconds == pytest.approx(2)
    assert run.out.getvalue().endswith("panic: done\n")


async def test_without_expect_a_timeout_is_a_normal_end(
    autojump_clock: MockClock, run: Run
) -> None:
    await run("hello", fail=["panic"], timeout=60)
    assert run.seconds == pytest.approx(60)


async def test_the_end_of_items_is_a_normal_end_unless_something_is_missing(
    autojump_clock: MockClock, run: Run
) -> None:
    await run("hello", end=True)
    with pytest.raises(ExpectTimeout):
        await run("hello", expect=["world"], end=True)


@pytest.mark.parametrize("option", ["expect", "fail"])
async def test_an_invalid_pattern_is_wrong_usage(
    autojump_clock: MockClock, run: Run, option: str
) -> None:
    with pytest.raises(InvalidPattern, match=f"--{option} '\\('") as caught:
        await run("x", **{option: ["("]})
    assert caught.value.exit_code == 2
    assert run.out.getvalue() == ""


async def test_a_line_without_end_is_searched_in_bounded_memory(
    autojump_clock: MockClock, run: Run
) -> None:
    pieces = [part("x" * 4096) for _ in range(100)]
    await run(*pieces, part("ready"), expect=["ready"], timeout=1000)


async def test_a_closed_pipe_ends_it_quietly(autojump_clock: MockClock, run: Run) -> None:
    class Closed(StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    run.out = Closed()
    await run("hello", expect=["world"], timeout=60)
    assert run.seconds == pytest.approx(1)
