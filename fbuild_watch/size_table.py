"""The table of `fbuild build --size` and `:size`: what takes how much, and what changed since the last one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fbuild_watch.build import SizeReport

_MOST = 20
"""Files that are listed: the largest, and whatever changed."""


def table(report: SizeReport) -> Iterator[str]:
    """The lines of a report."""
    now, before, recipe = report.now, report.before, report.recipe
    old = (before.program, before.data) if before else (None, None)
    yield _total("program", now.program, old[0], recipe.maximum_program)
    yield _total("RAM", now.data, old[1], recipe.maximum_data)
    yield from _part("by section", now.sections, before.sections if before else None)
    yield from _part("by file", now.files, before.files if before else None)


def _total(name: str, size: int, before: int | None, most: int | None) -> str:
    share = f" of {most:,} ({size * 100 / most:.1f} %)" if most else ""
    return f"{name:9} {size:9,} bytes{share}{_change(size, before)}"


def _part(title: str, now: Mapping[str, int], before: Mapping[str, int] | None) -> Iterator[str]:
    if not now:
        return
    yield f"{title}:"
    old = before if before is not None else now
    names = {*now, *old}
    ranked = sorted(names, key=lambda name: (-now.get(name, 0), name))
    shown = [
        name
        for place, name in enumerate(ranked)
        if place < _MOST or now.get(name, 0) != old.get(name, 0)
    ]
    for name in shown:
        yield f"  {now.get(name, 0):9,} {name}{_change(now.get(name, 0), old.get(name, 0))}"
    rest = [name for name in ranked if name not in shown]
    if rest:
        yield f"  {sum(now[name] for name in rest):9,} in {len(rest)} more"


def _change(now: int, before: int | None) -> str:
    return f"  {now - before:+,}" if before is not None and now != before else ""
