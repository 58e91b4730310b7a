"""Which serial ports there are, who has them, and, if the boards may be asked, who is on them."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict

import trio

from fbuild_watch import serial
from fbuild_watch.control.messages import PortHolder, PortStatus
from fbuild_watch.errors import FbuildError
from fbuild_watch.model import Device
from fbuild_watch.serial.holders import find_holder

Identify = Callable[[str], Awaitable[Device]]
"""Asks the board on a port who it is. Raises PortError, FlashError."""


async def survey(identify: Identify | None = None) -> list[PortStatus]:
    """All ports, USB ones first. `identify` None: no board is asked.

    A port that another process has is left alone. Seconds on Windows, so a thread looks.
    """
    found = await trio.to_thread.run_sync(_look, abandon_on_cancel=True)
    if identify is None:
        return [_status(port, holder) for port, holder in found]
    return [await _asked(port, holder, identify) for port, holder in found]


def _look() -> list[tuple[serial.PortInfo, PortHolder | None]]:
    return [(port, _holder(port.device)) for port in serial.list_ports()]


def _holder(device: str) -> PortHolder | None:
    found = find_holder(device)
    return PortHolder(found.pid, found.command) if found else None


def _status(
    port: serial.PortInfo,
    holder: PortHolder | None,
    *,
    device: Device | None = None,
    problem: str = "",
) -> PortStatus:
    chip, mac = (device.chip, device.mac) if device else (None, port.mac)
    return PortStatus(**asdict(port), chip=chip, mac=mac, holder=holder, problem=problem)


async def _asked(
    port: serial.PortInfo, holder: PortHolder | None, identify: Identify
) -> PortStatus:
    """One that does not answer is no reason to leave the others unasked."""
    is_ours = holder is None or holder.pid == os.getpid()
    if port.vid is None or not is_ours:
        return _status(port, holder)
    try:
        return _status(port, holder, device=await identify(port.device))
    except FbuildError as error:
        return _status(port, holder, problem=str(error))
