"""What stands on the one line that shows what is fetched, and the count of units."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fbuild_watch.build import Reason, Started, UnitDone
from fbuild_watch.cli.progress import BuildProgress, PackageProgress
from fbuild_watch.packages import Progress


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each text that was put on the line of a terminal."""
    texts: list[str] = []
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(
        "click.echo", lambda text, **_how: texts.append(text.removeprefix("\r\x1b[K"))
    )
    return texts


def test_several_downloads_are_one_sum(shown: list[str]) -> None:
    progress = PackageProgress()
    for step in (
        Progress("tool a", "downloading", 1_000_000, 4_000_000),
        Progress("tool b", "downloading", 0, 6_000_000),
        Progress("tool b", "downloading", 3_000_000, 6_000_000),
        Progress("tool c", "downloading", 500_000),
        Progress("tool c", "installed", detail="here"),
        Progress("tool a", "unpacking"),
        Progress("tool b", "downloading", 6_000_000, 6_000_000),
    ):
        progress.show_package(step)
    assert shown == [
        "downloading tool a 25 % of 4.0 MB",
        "downloading 2 packages 10 % of 10.0 MB",
        "downloading 2 packages 40 % of 10.0 MB",
        "downloading 3 packages 4.5 MB",
        "", "installed tool c: here",
        "unpacking tool a",
        "downloading tool b 100 % of 6.0 MB",
    ]  # fmt: skip


def test_what_did_not_change_is_not_written_again(shown: list[str]) -> None:
    progress = PackageProgress()
    for done in (10_000, 10_001, 10_002):
        progress.show_package(Progress("a", "downloading", done, 1_000_000))
    assert shown == ["downloading a 1 % of 1.0 MB"]


def test_a_second_pass_counts_from_its_own_first_unit(capsys: pytest.CaptureFixture[str]) -> None:
    progress = BuildProgress()
    unit = UnitDone(Path("a.c"), 0.1, ok=True, output="", reason=Reason("never built"))
    for event in (Started(1, 0), unit, Started(2, 1), unit, Started(2, 0), unit, unit):
        progress.show(event)
    counts = [line.split()[1] for line in capsys.readouterr().err.splitlines()]
    assert counts == ["1/1", "2/2", "1/2", "2/2"]
