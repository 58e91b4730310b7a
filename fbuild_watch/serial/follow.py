"""Waiting for a board that was there before, wherever it comes back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import trio

from fbuild_watch.serial.identity import Identity, look_up
from fbuild_watch.serial.ports import PortInfo, find_port, list_ports, pauses_between_looks

OTHER_S = 3.0
"""Seconds after which another board in the place of ours is said: behind a hub that comes back,
boards may come in another order, under each other's names."""


async def wait_for_board(
    ours: Identity,
    name: str | None,
    tell_other: Callable[[PortInfo], None],
    *,
    look: Callable[[], Sequence[PortInfo]] | None = None,
) -> str:
    """Wait until `ours` is there, and give its device. Waits for ever.

    `name`: under which it was known; None: it was the only board. `tell_other` is told, once, of
    another board that is where it was.
    """
    late = trio.current_time() + OTHER_S
    pauses = pauses_between_looks()
    while True:
        ports = await trio.to_thread.run_sync(look or list_ports, abandon_on_cancel=True)
        if (found := ours.find(ports)) is not None:
            return found.device
        if trio.current_time() > late:
            other = await trio.to_thread.run_sync(_in_its_place, name, ports)
            if other is not None:
                tell_other(other)
                late = math.inf
        await trio.sleep(next(pauses))


def _in_its_place(name: str | None, ports: Sequence[PortInfo]) -> PortInfo | None:
    device = find_port(name, ports)
    port = look_up(device, ports) if device else None
    return port if port and port.vid is not None else None
