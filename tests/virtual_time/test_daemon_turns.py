"""What the running process keeps by name is bounded, whatever names it is asked for."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from fbuild_watch.daemon import warm
from fbuild_watch.daemon.turns import Turns
from fbuild_watch.daemon.warm import WarmPipelines
from fbuild_watch.pipeline import Pipeline


async def test_a_name_is_kept_while_somebody_has_it_or_waits() -> None:
    turns: Turns[str] = Turns()
    seen: list[str] = []

    async def take(who: str, until: trio.Event) -> None:
        async with turns.at("port"):
            seen.append(who)
            await until.wait()

    first, rest = trio.Event(), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(take, "one", first)
        await wait_all_tasks_blocked()
        with trio.move_on_after(0):
            await take("one that gave up", rest)
        nursery.start_soon(take, "two", rest)
        await wait_all_tasks_blocked()
        nursery.start_soon(take, "three", rest)
        await wait_all_tasks_blocked()
        assert (seen, len(turns)) == (["one"], 1)
        first.set()
        await wait_all_tasks_blocked()
        assert (seen, len(turns)) == (["one", "two"], 1)
        rest.set()
    assert (seen, len(turns)) == (["one", "two", "three"], 0)


async def test_other_names_do_not_wait_and_leave_nothing() -> None:
    turns: Turns[int] = Turns()
    async with turns.at(-1):
        for name in range(1000):
            async with turns.at(name):
                assert len(turns) == 2
        with pytest.raises(RuntimeError):
            async with turns.at(0):
                raise RuntimeError
    assert len(turns) == 0


async def test_the_pipelines_that_were_used_last_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Pipeline] = []
    monkeypatch.setattr(Pipeline, "close", lambda self: closed.append(self))
    pipelines = WarmPipelines()
    async with pipelines.of("/first", None) as first:
        for number in range(2 * warm.MOST):
            async with pipelines.of(f"/{number}", None):
                pass
        assert len(pipelines) == warm.MOST
    async with pipelines.of("/first", None) as again:
        assert again is first
    async with pipelines.of("/first", "other") as other:
        assert other is not first
    assert len(pipelines) == warm.MOST
    assert len(set(map(id, closed))) == warm.MOST + 2
    assert first not in closed
