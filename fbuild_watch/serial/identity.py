"""Which board was behind a port, so that it is found again under another name, and no other one is. Pure.

Rules
- A serial number that only one board has is the board, wherever it is plugged in. ROM and firmware
  may write it differently (a MAC with and without colons).
- A chip with USB of its own may come back from a flash as another product, with another number: it
  is the one of its vendor in the same socket. Another board of the same product there is another.
- Without one (CH340), or with one that several have (a CP2102 is sold with 0001), it is the board of
  its kind in the same socket; else the only one of its kind that was not elsewhere all the time.
- A board that cannot be told from others is not guessed at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fbuild_watch.serial.ports import PortInfo


@dataclass(frozen=True, slots=True)
class Identity:
    """A board on USB."""

    vid: int | None
    pid: int | None
    serial_number: str | None
    """None: it has none of its own."""
    location: str | None
    """Where it is plugged in: bus, hubs, socket."""
    others: frozenset[str | None]
    """Where others of its kind were at the time."""

    def __str__(self) -> str:
        if self.serial_number:
            return f"the board with serial number {self.serial_number}"
        return f"the board {self.vid:04x}:{self.pid:04x} from USB socket {self.location or '?'}"

    def find(self, ports: Sequence[PortInfo]) -> PortInfo | None:
        """The port where it is now."""
        if self.serial_number is not None:
            same = [port for port in ports if _same(port.serial_number, self.serial_number)]
            return _only(same) or self._with_another_face(ports)
        kind = [port for port in ports if (port.vid, port.pid) == (self.vid, self.pid)]
        here = _only(port for port in kind if port.location and port.location == self.location)
        return here or _only(port for port in kind if port.location not in self.others)

    def _with_another_face(self, ports: Sequence[PortInfo]) -> PortInfo | None:
        return _only(
            port
            for port in ports
            if port.location is not None
            and (port.location, port.vid) == (self.location, self.vid)
            and port.pid != self.pid
        )


def look_up(name: str, ports: Sequence[PortInfo]) -> PortInfo | None:
    """The port that is called `name`, which may be a link to its device."""
    device = os.path.realpath(name)
    return next((port for port in ports if port.device in (name, device)), None)


def identify(port: PortInfo | None, ports: Sequence[PortInfo]) -> Identity | None:
    """Who is behind `port`, one of `ports`; None: nothing tells (no USB device)."""
    if port is None or port.vid is None:
        return None
    number = port.serial_number
    shared = sum(other.serial_number == number for other in ports) > 1
    kind = [other for other in ports if (other.vid, other.pid) == (port.vid, port.pid)]
    return Identity(
        port.vid,
        port.pid,
        None if shared else number or None,
        port.location,
        frozenset(other.location for other in kind if other is not port),
    )


def _same(one: str | None, other: str) -> bool:
    return one is not None and _bare(one) == _bare(other)


def _bare(number: str) -> str:
    return re.sub(r"[^0-9a-z]", "", number.lower())


def _only(found: Iterable[PortInfo]) -> PortInfo | None:
    ports = list(found)
    return ports[0] if len(ports) == 1 else None
