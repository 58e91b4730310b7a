"""One upload by a core's own program, with what its bootloader asks of the port around it.

The port is closed while the program has it. Where the core says so, the board is sent into its
bootloader before (a touch: its port is opened at 1200 baud and closed), and the port on which the
bootloader comes up is waited for; the board's own port is waited for afterwards.

Source: the Arduino platform specification, "1200 bps bootloader reset".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import trio

from fbuild_watch.errors import PortError, PortNotFound
from fbuild_watch.flash import Listener, Progress
from fbuild_watch.flash.recipe_upload import run_recipe
from fbuild_watch.model import UploadRecipe, UploadReport
from fbuild_watch.serial import PortInfo, list_ports, open_port

TOUCH_BAUD = 1200

APPEAR_S = 10.0
"""How long a bootloader may take to come up: a USB host enumerates in one to a few seconds."""

LOOK_S = 0.1

SAME_S = 4.0
"""A port that is there unchanged for so long after a touch is the bootloader's own."""

Look = Callable[[], Sequence[PortInfo]]


async def upload(
    recipe: UploadRecipe, port: str, listener: Listener, *, look: Look = list_ports
) -> UploadReport:
    """Upload to the board on `port`, which must be closed.

    Can be cancelled until the program starts. Raises FlashError, PortError.
    """
    target = port
    if recipe.touch_1200:
        listener.progress(Progress("entering the bootloader"))
        before = await _names(look)
        await _touch(port)
        if recipe.wait_for_port:
            target = await _bootloader_port(port, before, look)
    report = await run_recipe(recipe, target, listener)
    if target != port:
        with trio.move_on_after(APPEAR_S):  # its reader waits for it, and says so, if it stays away
            await _until_there(port, look)
    return replace(report, port=port)


async def _touch(port: str) -> None:
    """Open and close it at 1200 baud, DTR low. A board that leaves at once is one that obeys."""
    opened = await open_port(port, TOUCH_BAUD)
    with suppress(PortError):
        try:
            await opened.set_lines(dtr=False, rts=False)
        finally:
            await opened.aclose()


async def _bootloader_port(port: str, before: frozenset[str], look: Look) -> str:
    """The first port that is new. One that was there and stayed is taken after SAME_S."""
    known, started = before, trio.current_time()
    with trio.move_on_after(APPEAR_S):
        while True:
            now = await _names(look)
            if new := sorted(now - known):
                return new[0]
            if port in now and trio.current_time() - started > SAME_S:
                return port
            known = now  # a port that went and comes back is new
            await trio.sleep(LOOK_S)
    raise PortNotFound(
        port,
        known=sorted(await _names(look)),
        hint="the board did not come up in its bootloader: press its reset button twice, try again",
    )


async def _until_there(port: str, look: Look) -> None:
    while port not in await _names(look):  # noqa: ASYNC110  (a port sets no trio.Event)
        await trio.sleep(LOOK_S)


async def _names(look: Look) -> frozenset[str]:
    ports = await trio.to_thread.run_sync(look)
    return frozenset(found.device for found in ports)
