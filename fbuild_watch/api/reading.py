"""What a serial monitor makes of a console's stream: lines, matches, answers. No I/O."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fbuild_watch.api.exchange import Exchange, Wire
from fbuild_watch.control.messages import AttachAsked, Attached
from fbuild_watch.control.news import (
    Said,
    State,
    StreamEnded,
    StreamItem,
    StreamLost,
    Text,
    WriterChanged,
)
from fbuild_watch.errors import ControlLost
from fbuild_watch.text import patterns
from fbuild_watch.text.patterns import Match, Pattern

Event = State | Said | WriterChanged
"""What happens beside the board's lines: a flash takes the port (`State.port_use` "flasher") and
gives it back ("console"), the board goes ("lost"), fbuild says something, another one writes."""

OnEvent = Callable[[Event], None]


def compiled(pattern: str | re.Pattern[str]) -> Pattern | re.Pattern[str]:
    """A string gets a limit of time; who has compiled one himself has chosen. Raises re.error."""
    return pattern if isinstance(pattern, re.Pattern) else patterns.compile(pattern, "expect")


def ignore(_event: Event) -> None:
    """No interest in events."""


@dataclass(slots=True)
class Line:
    """A line of the board, or its beginning: a prompt has no end."""

    text: str
    complete: bool


class Reading:
    """The state of one monitor; outlives a connection."""

    def __init__(self, asked: AttachAsked, on_event: OnEvent) -> None:
        self.asked = asked
        self.attached: Attached | None = None
        self.lost = 0
        """Items that were not read in time, and are gone."""
        self._on_event = on_event
        self._lines: deque[Line] = deque()
        self._partial = ""
        self._last_id = 0

    def attach(self, wire: Wire) -> Exchange[None]:
        """Open the stream. Raises WriterBusy, PortError."""
        self.attached = yield from wire.request("attach", self.asked, Attached)
        self._partial = ""

    def line(self, wire: Wire) -> Exchange[str]:
        """The next whole line."""
        while True:
            line = yield from self._next(wire)
            if line.complete:
                return line.text

    def expect(self, wire: Wire, pattern: Pattern | re.Pattern[str]) -> Exchange[Match]:
        """The first match in a line, or in one that has no end yet. Raises PatternTooSlow."""
        while True:
            line = yield from self._next(wire)
            if match := pattern.search(line.text):
                return match

    def next_call(self, method: str, params: Any) -> tuple[int, bytes]:
        """A JSON-RPC request to the firmware, as a line; its id."""
        self._last_id += 1
        call = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        return self._last_id, json.dumps(call).encode() + b"\n"

    def answer(self, wire: Wire, id_: int) -> Exchange[dict[str, Any]]:
        """The firmware's line of JSON with this id. Other lines are passed over."""
        while True:
            line = yield from self._next(wire)
            with suppress(ValueError):
                said = json.loads(line.text) if line.complete else None
                if isinstance(said, dict) and said.get("id") == id_ and "method" not in said:
                    return said

    def _next(self, wire: Wire) -> Exchange[Line]:
        while not self._lines:
            news = yield from wire.news()
            match news:
                case StreamItem(item=Text() as text):
                    self._take(text)
                case StreamItem(item=State() | Said() | WriterChanged() as event):
                    self._on_event(event)
                case StreamLost(count=count):
                    self.lost += count
                    self._partial = ""
                case StreamEnded(error=error):
                    self._ended(error)
        return self._lines.popleft()

    def _take(self, text: Text) -> None:
        self._partial += text.text
        self._lines.append(Line(self._partial, text.complete))
        if text.complete:
            self._partial = ""

    def _ended(self, error: Any) -> None:
        from fbuild_watch.control.wire_errors import from_wire

        raise from_wire(error) if error else ControlLost("the project is watched no more")
