"""Decoders of others: entry points of the group `fbuild_watch.decoders` (docs/console.md).

A plugin is a callable without arguments, such as a class. It is called once for each board, and
what it returns has `feed(line) -> Iterable[str | Notice | Crash]`, called with each whole line of
the board's text, without colours, in a thread. A string is shown as a notice, a Crash is decoded
with the ELF of what runs, as ours are.

A plugin that raises is said, once, and asked no more: the console goes on without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from fbuild_watch.decode.crash import Crash
from fbuild_watch.model import Notice
from fbuild_watch.text.ansi import plain

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "fbuild_watch.decoders"


class LineDecoder(Protocol):
    """What a plugin makes."""

    def feed(self, line: str) -> Iterable[str | Notice | Crash]:
        """Take a line; give what is to be said of it."""


class Plugins:
    """The installed decoders, for one board. Blocks: call it in a thread, one call at a time."""

    def __init__(self, found: Callable[[], Iterable[EntryPoint]] | None = None) -> None:
        """Nothing is looked for before the first `load`."""
        self._found = found or _installed
        self._decoders: dict[str, LineDecoder] = {}

    def load(self) -> list[Notice]:
        """Find and make them; what could not be made."""
        try:
            points = tuple(self._found())
        except Exception as error:  # what one package has installed may not be readable
            return [Notice(f"decoders cannot be looked for ({_what(error)})", "bad")]
        return [said for point in points if (said := self._make(point))]

    def _make(self, point: EntryPoint) -> Notice | None:
        try:
            self._decoders[point.name] = point.load()()
        except (Exception, SystemExit) as error:  # anything may go wrong in code of others
            return _broken(point.name, error)
        return None

    @property
    def are_there(self) -> bool:
        """Whether there is one to feed."""
        return bool(self._decoders)

    def feed(self, lines: Iterable[str]) -> list[Notice | Crash]:
        """Give whole lines to each; what they say."""
        found: list[Notice | Crash] = []
        for line in lines:
            for name in tuple(self._decoders):
                found += self._ask(name, plain(line))
        return found

    def _ask(self, name: str, line: str) -> list[Notice | Crash]:
        try:
            return [_as_finding(each) for each in self._decoders[name].feed(line)]
        except (Exception, SystemExit) as error:
            del self._decoders[name]
            return [_broken(name, error)]


def _installed() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points  # 20 ms

    return entry_points(group=GROUP)


def _as_finding(said: str | Notice | Crash) -> Notice | Crash:
    if isinstance(said, Notice | Crash):
        return said
    if not isinstance(said, str):
        raise TypeError(f"feed gave {said!r}, which is no string, Notice or Crash")
    return Notice(said)


def _broken(name: str, error: BaseException) -> Notice:
    said = f"the decoder {name} has failed ({_what(error)}); the console goes on without it"
    return Notice(said, "bad")


def _what(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
