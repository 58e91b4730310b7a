"""When a hint says enough, and when nobody knows what changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from fbuild_watch.hints import STORM, Hints

A, B = Path("/p/a.c"), Path("/p/b.c")


class Clocks:
    def __init__(self) -> None:
        self.now = [1000.0, 5.0]

    def __call__(self) -> tuple[float, float]:
        return self.now[0], self.now[1]

    def run(self, of_day: float, running: float) -> None:
        self.now = [self.now[0] + of_day, self.now[1] + running]


def test_each_change_is_given_once() -> None:
    hints = Hints(Clocks())
    assert hints.take() is None
    hints.add({A})
    hints.add({B, A})
    assert hints.take() == {A, B}
    assert hints.take() == frozenset()


def test_without_a_watcher_nobody_knows() -> None:
    hints = Hints(Clocks())
    assert [hints.take(), hints.take()] == [None, None]


def test_what_came_before_the_first_build_is_looked_at_by_it() -> None:
    hints = Hints(Clocks())
    hints.add({A})
    assert hints.take() is None
    assert hints.take() == frozenset()


def test_a_storm_is_no_hint_and_takes_no_memory() -> None:
    hints = Hints(Clocks())
    hints.take()
    for start in range(0, 10 * STORM, 100):
        hints.add({Path(f"/p/{number}.c") for number in range(start, start + 100)})
    hints.add({A})
    assert len(hints._paths) < STORM
    assert hints.take() is None
    hints.add({A})
    assert hints.take() == {A}


@pytest.mark.parametrize(
    ("of_day", "running", "known"),
    [(60.0, 60.0, True), (3600.0, 5.0, False), (-86400.0, 1.0, False), (10.2, 10.0, True)],
)
def test_sleep_and_a_clock_that_is_set(of_day: float, running: float, known: bool) -> None:
    clocks = Clocks()
    hints = Hints(clocks)
    hints.take()
    hints.add({A})
    clocks.run(of_day, running)
    assert hints.take() == ({A} if known else None)
    hints.add({B})
    assert hints.take() == {B}
