"""Which ports there are, and which one is meant.

`list_ports` asks the system and may take seconds on Windows (Bluetooth ports, pyserial#451): call it
in a thread. `choose_port` is pure. `wait_for_port` polls until a port is there (again).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from fbuild_watch.errors import PortAmbiguous, PortNotFound

_HIDDEN = ("debug-console", "wlan-debug", "Bluetooth")
"""Parts of the names of macOS's own ports: there is never a board behind them."""
_ESP_USB_JTAG = (0x303A, 0x1001)
"""USB-Serial/JTAG, the same for every chip that has it (Espressif's list of allocated PIDs)."""
_LOOK_LIMIT = 1.0
"""Seconds that the system may take to say what is behind a port that is opened."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
"""Seconds between two looks: a replugged board is there in a moment or only when a person comes."""

Ask = Callable[[Sequence["PortInfo"]], str]
"""Lets a person choose; gives the device."""


@dataclass(frozen=True, slots=True)
class PortInfo:
    """A serial port of this machine."""

    device: str
    description: str = ""
    vid: int | None = None
    """USB vendor; None: it is no USB device."""
    pid: int | None = None
    serial_number: str | None = None
    manufacturer: str | None = None
    location: str | None = None
    """Where on USB: bus, hubs, socket ("1-4.2")."""

    @property
    def mac(self) -> str | None:
        """The MAC of an ESP chip on its own USB port, which says it as the serial number."""
        if (self.vid, self.pid) != _ESP_USB_JTAG or not self.serial_number:
            return None
        mac = self.serial_number.lower()
        return mac if re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", mac) else None


def list_ports() -> list[PortInfo]:
    """The ports that the system knows, USB ones first, then by name. Blocks."""
    from serial.tools.list_ports import comports

    ports = [_port_info(found) for found in comports()]
    shown = [port for port in ports if not any(part in port.device for part in _HIDDEN)]
    return sorted(shown, key=lambda port: (port.vid is None, port.device))


def _port_info(found: Any) -> PortInfo:
    """pyserial says "n/a" for what it does not know."""
    return PortInfo(
        device=found.device,
        description="" if found.description == "n/a" else found.description,
        vid=found.vid,
        pid=found.pid,
        serial_number=found.serial_number,
        manufacturer=found.manufacturer,
        location=found.location,
    )


def choose_port(
    explicit: str | None, configured: str | None, ports: Sequence[PortInfo], ask: Ask | None
) -> str:
    """The port to use: the one named, else the one configured, else the only board.

    A board is a USB port: a PC's own ports are always there and mostly lead nowhere, so they have to
    be named. With several boards `ask` decides.
    Raises: PortAmbiguous for several and no `ask`, PortNotFound for none.
    """
    if named := explicit or configured:
        return named
    boards = _boards(ports)
    if not boards:
        raise PortNotFound(None, known=[port.device for port in ports])
    if len(boards) == 1:
        return boards[0].device
    if ask is None:
        raise PortAmbiguous([port.device for port in boards])
    return ask(boards)


def _boards(ports: Sequence[PortInfo]) -> list[PortInfo]:
    return [port for port in ports if port.vid is not None]


def find_port(name: str | None, ports: Sequence[PortInfo]) -> str | None:
    """The port that is meant, if it is among `ports`: the one of this name; None: the only board."""
    if name is not None:
        return name if any(port.device == name for port in ports) else None
    boards = _boards(ports)
    return boards[0].device if len(boards) == 1 else None


def whereabouts(name: str, mac: str, ports: Sequence[PortInfo]) -> str | None:
    """Where the board with this MAC may be, which was behind the port `name`: it is to be asked.

    A chip on its own USB port says its MAC; else it is behind the same name, else the only board.
    """
    for port in ports:
        if port.mac == mac:
            return port.device
    here = [port for port in ports if port.device == name]
    if "://" in name or Path(name).exists() or here:
        return None if here and here[0].mac else name
    return find_port(None, ports)


async def list_ports_soon() -> list[PortInfo]:
    """What the system says within a moment; else nothing (Windows may take seconds)."""
    with trio.move_on_after(_LOOK_LIMIT):
        return await trio.to_thread.run_sync(list_ports, abandon_on_cancel=True)
    return []


async def wait_for_port(
    name: str | None, *, look: Callable[[], Sequence[PortInfo]] | None = None
) -> str:
    """Wait until the port is there, and give its device path.

    `name` is the device that the user named (a URL is no device: it is tried by opening it); None:
    the only board. Waits for ever.
    """
    pauses = pauses_between_looks()
    while True:
        found = await trio.to_thread.run_sync(
            _look_for, name, look or list_ports, abandon_on_cancel=True
        )
        if found:
            return found
        await trio.sleep(next(pauses))


def _look_for(name: str | None, look: Callable[[], Sequence[PortInfo]]) -> str | None:
    if name is not None and Path(name).exists():
        return name  # also a link or a pty, which no list has
    return find_port(name, look())


def pauses_between_looks() -> Iterator[float]:
    """Seconds: short at first, for a board that comes right back."""
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 1.5, _LONGEST_PAUSE)
