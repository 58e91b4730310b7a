"""The headless console: what it prints, when it ends, and with what."""

from __future__ import annotations

import json
import time
from io import StringIO
from math import inf
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from fbuild_watch.console import printed
from fbuild_watch.console.goals import Goals
from fbuild_watch.console.headless import run_headless
from fbuild_watch.console.output import Write
from fbuild_watch.console.script import parse
from fbuild_watch.errors import (
    ExpectTimeout,
    FailMatched,
    FbuildError,
    InvalidPattern,
    PatternTooSlow,
)
from fbuild_watch.model import (
    Command,
    ConsoleInput,
    ConsoleItem,
    DeviceBytes,
    DeviceText,
    Notice,
    Status,
    Typed,
)
from fbuild_watch.text import patterns


class Run:
    """One headless console; `items` are sent a second apart from each other, or all at once."""

    def __init__(self) -> None:
        self.out, self.words = StringIO(), StringIO()
        self.seconds = 0.0
        self.given: list[tuple[float, ConsoleInput]] = []

    async def __call__(
        self,
        *items: ConsoleItem | str,
        end: bool = False,
        as_json: bool = False,
        timeout: float | None = None,  # noqa: ASYNC109 - the console's own
        from_proof: bool = False,
        script: str | None = None,
        pause: float = 1.0,
        **goals: Any,
    ) -> None:
        steps = parse(script, "a.txt", b"\r\n") if script is not None else None
        show = printed.JsonLines(into(self.out)) if as_json else self._lines()
        send, receive = trio.open_memory_channel[ConsoleItem](inf)
        give, given = trio.open_memory_channel[ConsoleInput](0)
        start = trio.current_time()
        error = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._feed, send, items, end, pause)
            nursery.start_soon(self._take, given, start)
            try:
                await run_headless(
                    receive,
                    give,
                    Goals(script=steps, **goals),
                    show,
                    timeout=timeout,
                    from_proof=from_proof,
                )
            except FbuildError as caught:
                error = caught
            self.seconds = trio.current_time() - start
            nursery.cancel_scope.cancel()
        if error is not None:
            raise error

    def _lines(self) -> printed.Lines:
        return printed.Lines(into(self.out), into(self.words))

    async def _take(self, given: trio.MemoryReceiveChannel[ConsoleInput], start: float) -> None:
        async for one in given:
            self.given.append((trio.current_time() - start, one))

    async def _feed(
        self,
        send: trio.MemorySendChannel[ConsoleItem],
        items: tuple[Any, ...],
        end: bool,
        pause: float,
    ) -> None:
        for item in items:
            await trio.sleep(pause)
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
        await run("x", **{option: ["("]}, timeout=1)
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


async def test_nothing_is_taken_after_what_decided(autojump_clock: MockClock) -> None:
    """The caller goes on with the same stream, and what came at once is not lost to it."""
    send, items = trio.open_memory_channel[ConsoleItem](inf)
    give, _given = trio.open_memory_channel[ConsoleInput](0)
    out = StringIO()
    for text in ("one", "two", "three"):
        send.send_nowait(line(text))
    for text in ("one", "two"):
        await run_headless(items, give, Goals([text]), printed.Lines(into(out), into(out)))
    assert out.getvalue() == "one\ntwo\n"
    assert items.receive_nowait() == line("three")


async def test_what_waits_together_is_one_write_and_the_order_stays(
    autojump_clock: MockClock,
) -> None:
    send, items = trio.open_memory_channel[ConsoleItem](inf)
    give, _given = trio.open_memory_channel[ConsoleInput](0)
    writes: list[str] = []

    async def write(text: str) -> None:
        await trio.lowlevel.checkpoint()
        writes.append(text)

    texts = [line(str(number)) for number in range(2500)]
    for item in [*texts, DeviceBytes(b"x", 0.0), Notice("flashed"), line("last")]:
        send.send_nowait(item)
    send.close()
    await run_headless(items, give, Goals(), printed.Lines(write, write))
    expected = "".join(f"{number}\n" for number in range(2500)) + "-- flashed --\nlast\n"
    assert "".join(writes) == expected
    assert len(writes) <= 6


async def test_so_many_lines_are_enough(autojump_clock: MockClock, run: Run) -> None:
    await run("a", part("b"), part("c"), line(""), "d", "e", count=3, timeout=60)
    assert run.out.getvalue() == "a\nbc\nd\n"
    with pytest.raises(ExpectTimeout) as caught:
        await run("a", "b", "c", count=2, expect=["c"], timeout=60)
    assert caught.value.fields()["missing"] == ["c"]


async def test_goals_count_from_the_proof_on(autojump_clock: MockClock, run: Run) -> None:
    old = ["hello", "panic"]
    new = [Notice("flashed", "good", "1f3a"), "x", "hello"]
    await run(*old, *new, expect=["hello"], fail=["panic"], from_proof=True, timeout=60)
    assert run.seconds == pytest.approx(5)
    script = "send go\nexpect hello"
    await run(*old, *new, script=script, from_proof=True, timeout=60)
    assert run.given == [(3, Typed(b"go\r\n"))]
    with pytest.raises(ExpectTimeout, match=r"a\.txt:2: expect 'hello'"):
        await run(*old, script=script, from_proof=True, timeout=60)
    assert run.seconds == pytest.approx(60)  # not the step's own limit: it has not begun


SCRIPT = """
# wait for the prompt, then ask
expect ^ready
send   led on
expect led is (on|lit)
timeout 2
fail   panic
hex    03 04
reset
expect bye
"""


async def test_a_script_answers_what_it_sees(autojump_clock: MockClock, run: Run) -> None:
    await run("boot", "panic", "ready", part("led"), line(" is lit"), "bye", script=SCRIPT)
    assert run.given == [
        (3, Typed(b"led on\r\n")),
        (5, Typed(b"\x03\x04")),
        (5, Command("reset")),
    ]
    assert run.seconds == pytest.approx(6)


async def test_one_line_answers_several_steps_in_order(autojump_clock: MockClock, run: Run) -> None:
    await run("a b c", script="expect a\nexpect b\nsend x\nexpect c")
    assert run.given == [(1, Typed(b"x\r\n"))]
    with pytest.raises(ExpectTimeout):
        await run("a b c", script="expect b\nexpect a")


async def test_a_step_that_waits_too_long_names_its_line(
    autojump_clock: MockClock, run: Run
) -> None:
    with pytest.raises(ExpectTimeout, match=r"a\.txt:2: expect 'x' was not seen within 2 s"):
        await run("a", script="timeout 2\nexpect x\n", timeout=60)
    assert run.seconds == pytest.approx(2)
    with pytest.raises(ExpectTimeout, match=r"a\.txt:3: expect 'y' .* within 3 s"):
        await run("a", "x", "z", script="expect x\ntimeout 3\nexpect y\n", timeout=60)
    with pytest.raises(ExpectTimeout, match=r"a\.txt:1: expect 'x'"):
        await run("a", script="expect x", timeout=5)
    assert run.seconds == pytest.approx(5)


async def test_a_scripts_fail_names_its_line(autojump_clock: MockClock, run: Run) -> None:
    with pytest.raises(FailMatched, match=r"a\.txt:1: fail 'pan'") as caught:
        await run("a", "panic x", script="fail pan\nexpect x")
    assert caught.value.exit_code == 72


ENDLESS, LINE = "(a|aa)+$", "a" * 40 + "!"


@pytest.mark.parametrize(
    ("goals", "what"),
    [
        ({"fail": [ENDLESS]}, "--fail"),
        ({"expect": ["x", ENDLESS]}, "--expect"),
        ({"script": f"fail {ENDLESS}\nexpect x"}, "a.txt:1: fail"),
        ({"script": f"\nexpect {ENDLESS}"}, "a.txt:2: expect"),
    ],
)
async def test_a_pattern_that_takes_too_long_ends_it_after_its_line(
    autojump_clock: MockClock,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    goals: dict[str, Any],
    what: str,
) -> None:
    monkeypatch.setattr(patterns, "LIMIT_S", 0.05)
    with pytest.raises(PatternTooSlow) as caught:
        await run("one", LINE, "two", as_json=True, timeout=60, **goals)
    assert caught.value.fields() == {
        "what": what, "pattern": ENDLESS, "line": LINE, "seconds": 0.05,
    }  # fmt: skip
    objects = [json.loads(text) for text in run.out.getvalue().splitlines()]
    assert [one.get("text") for one in objects] == ["one", LINE, None]
    assert objects[-1]["error"]["code"] == "pattern-too-slow"


async def test_json_has_times_texts_notices_and_the_outcome(
    autojump_clock: MockClock, run: Run
) -> None:
    items = [part("he"), line("llo \x1b[0m"), Status("x"), Notice("flashed", "good", "1f3a")]
    before = time.time()
    await run(*items, as_json=True, timeout=60)
    objects = [json.loads(text) for text in run.out.getvalue().splitlines()]
    times = [one.pop("time") for one in objects]
    assert times[2] - before < 30
    assert objects == [
        {"type": "text", "text": "he", "complete": False},
        {"type": "text", "text": "llo \x1b[0m", "complete": True},
        {"type": "notice", "text": "flashed", "kind": "good", "proven": "1f3a"},
        {"type": "end", "ok": True, "error": None},
    ]
    assert run.words.getvalue() == ""
    run.out.truncate(0)
    with pytest.raises(FailMatched):
        await run("panic", fail=["panic"], as_json=True)
    last = json.loads(run.out.getvalue().splitlines()[-1])
    assert (last["ok"], last["error"]["code"]) == (False, "fail-matched")
