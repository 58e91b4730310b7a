"""The bottom bars: as much as fits into a row, the most needed first. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from fbuild_watch.model import Status

KEYS = "Ctrl-T menu  Ctrl-] quit"
_SEPARATOR = " | "
_GAP = "   "


def bar(status: Status, columns: int, extra: str = "") -> str:
    """One row of `columns` characters: the status on the left, the keys on the right.

    `extra` is the console's own (a filter that is on). What does not fit is left out whole, from
    the least needed on; the keys go last but one, for who does not know them is lost.
    """
    wanted = [part for part in (extra, *_parts(status)) if part]
    room = columns - len(KEYS) - 1
    if room < 0:
        return KEYS[:columns].ljust(columns)
    shown = wanted.pop(0) if wanted else ""
    for part in wanted:
        longer = f"{shown}{_SEPARATOR}{part}"
        if len(longer) <= room:
            shown = longer
    return f"{shown[:room]:{room}} {KEYS}"


def with_keys(said: str, keys: Sequence[str], columns: int) -> str:
    """One row of at most `columns` characters: what is said, and as many of the keys as fit.

    The first key leads back, and is always there.
    """
    shown = keys[0]
    for key in keys[1:]:
        longer = f"{shown}  {key}"
        if len(said) + len(_GAP) + len(longer) <= columns:
            shown = longer
    room = columns - len(_GAP) - len(shown)
    return f"{said if len(said) <= room else said[: max(0, room - 1)] + '…'}{_GAP}{shown}"[
        -columns:
    ]


def _parts(status: Status) -> tuple[str, ...]:
    """The most needed first."""
    return (
        status.text,
        _count(status.errors, "error"),
        f"{status.took:.2f} s" if status.took is not None else "",
        f"{status.port} {status.baud or ''}".strip(),
        status.chip,
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}" if number else ""
