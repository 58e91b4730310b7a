"""A decoded crash as text: what, where, through which calls, and how sure that is. Pure.

Load access fault in read_sensor, src/sensor.cpp:23
  a read from 0x00000000: a null pointer
  #0 0x40380d12 read_sensor  src/sensor.cpp:23
  #1 0x40380d44 filter       src/filter.h:9, inlined in
                loop         src/main.cpp:40
  decoded with build 1f3a2b4c, proven in this session
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fbuild_watch.decode.lines import Place
from fbuild_watch.decode.trace import Step

MOST = 24
"""Steps that are shown: a recursion has hundreds."""
_WIDEST = 36


@dataclass(frozen=True, slots=True)
class Decoded:
    """One step of the trace with its places, the innermost first; none: it is not code of ours."""

    step: Step
    places: tuple[Place, ...]


Show = Callable[[Place], str]
"""`file:line` of a place as the user knows it; empty where it is not known."""


def headline(
    title: str, decoded: Sequence[Decoded], is_own: Callable[[Place], bool], show: Show
) -> str:
    """What happened and where: in the project's own sources, if they have a part in it."""
    places = [place for each in decoded if not each.step.is_probable for place in each.places]
    place = next((place for place in places if is_own(place)), places[0] if places else None)
    if place is None:
        return title
    where = show(place)
    return f"{title} in {place.function or '?'}" + (f", {where}" if where else "")


def table(decoded: Sequence[Decoded], show: Show) -> list[str]:
    """The calls, a line for each place, and what their marks mean."""
    shown = decoded[:MOST]
    width = max((len(place.function) for each in shown for place in each.places), default=0)
    rows = [
        row for at, each in enumerate(shown) for row in _rows(at, each, min(width, _WIDEST), show)
    ]
    if len(decoded) > MOST:
        rows.append(f"... and {len(decoded) - MOST} more")
    if any(each.step.is_probable for each in shown):
        rows.append("? is probable: found on the stack, perhaps of an earlier call")
    return rows


def _rows(number: int, decoded: Decoded, width: int, show: Show) -> list[str]:
    mark = "?" if decoded.step.is_probable else "#"
    start = f"{mark}{number:<2} {decoded.step.address:#010x} "
    if not decoded.places:
        return [f"{start}not in this program"]
    rows = []
    for place in decoded.places:
        where = show(place) + (", inlined in" if place.inlined else "")
        rows.append(f"{start}{place.function or '?':{width}}  {where}".rstrip())
        start = " " * len(start)
    return rows
