"""The loop's way to its board: found, opened, read, lent to the flasher and closed in one place.

The port stays open from the day it is found: the flasher works on the same open port as the
console, so that no DTR/RTS pulse resets the board and no byte is lost between the two.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio

from fbuild_watch import flash, words
from fbuild_watch.errors import PortError
from fbuild_watch.model import ConsoleItem, FlashReport, Image, Notice
from fbuild_watch.serial import Port, PortLease, open_port, read_into, wait_for_port

RETRY_S = 0.5
"""How long a port that cannot be opened is left alone."""


class BoardPort:
    """One board's port. Its methods are called by the effects of the loop, one at a time."""

    def __init__(self, show: Callable[[ConsoleItem], Awaitable[None]], baud: int) -> None:
        self._show = show
        self._baud = baud
        self._port: Port | None = None
        self._lease: PortLease | None = None
        self._turn = trio.Lock()
        self._reading = trio.CancelScope()
        self._free_to_type = trio.Event()
        self._type, self._typed = trio.open_memory_channel[bytes](math.inf)

    async def find(
        self, configured: Callable[[], str | None], tell: Callable[[Notice], None]
    ) -> None:
        """Return when a port is open. What stands in the way is said, once each."""
        await self.aclose()
        said = ""
        while self._port is None:
            try:
                await self.open(await _wait_for(configured()))
            except PortError as error:
                if str(error) != said:
                    tell(words.failed(error))
                said = str(error)
                await trio.sleep(RETRY_S)

    async def open(self, name: str) -> None:
        """Open the port that is called `name`. Raises PortError."""
        self._port = await open_port(name, self._baud)
        self._lease = PortLease(self._port)

    @property
    def name(self) -> str:
        """What the user calls the port; empty while there is none."""
        return self._port.name if self._port is not None else ""

    async def read(self) -> None:
        """Show what the board says, until the port is closed here. Raises PortLost.

        The flasher borrows the port meanwhile; then reading goes on with what came after.
        """
        with suppress(trio.ClosedResourceError):
            while True:
                # Made before the turn comes, so that `flash` can always end this very reading.
                scope = self._reading = trio.CancelScope()
                async with self._turn:
                    with scope, self._leased().take("console") as port:
                        await self._read_now(port)

    async def _read_now(self, port: Port) -> None:
        await port.set_baud(self._baud)
        self._free_to_type.set()
        try:
            await read_into(port, self._show)
        finally:
            self._free_to_type = trio.Event()

    async def flash(
        self,
        image: Image,
        baud: int,
        listener: flash.Listener,
        proven: Callable[[FlashReport], None],
    ) -> None:
        """Borrow the port from the console for one flash. Raises what `flash.flash` raises.

        `proven` is called before anything that the new firmware says is shown.
        """
        self._reading.cancel()
        async with self._turn:
            with self._leased().take("flasher") as port:
                report = await flash.flash(
                    port.blocking(),
                    image,
                    name=port.name,
                    modem_lines=port.has_modem_lines,
                    write_baud=baud,
                    run_baud=self._baud,
                    listener=listener,
                )
                proven(report)

    async def try_reset(self, tell: Callable[[Notice], None]) -> None:
        """Restart the firmware, while the console has the port; say so if it cannot be done."""
        try:
            if self._port is not None:
                await self._port.reset()
        except PortError as error:
            tell(words.failed(error))

    async def change_baud(self, baud: int) -> None:
        """The speed of the console from now on. Raises PortError."""
        if baud == self._baud:
            return
        self._baud = baud
        if self._port is not None and self._free_to_type.is_set():
            await self._port.set_baud(baud)

    def type(self, data: bytes) -> None:
        """Send bytes to the firmware as soon as the console has the port."""
        self._type.send_nowait(data)

    async def send_typed(self) -> None:
        """Carry what was typed to the board, in order. What is typed during a flash waits."""
        async for data in self._typed:
            await self._free_to_type.wait()
            if self._port is not None:
                with suppress(PortError, trio.ClosedResourceError):  # `read` reports it
                    await self._port.send_all(data)

    async def aclose(self) -> None:
        """Give the port back."""
        port, self._port, self._lease = self._port, None, None
        if port is not None:
            with trio.CancelScope(shield=True):
                await port.aclose()

    def _leased(self) -> PortLease:
        if self._lease is None:
            raise AssertionError("the loop used a port that it has not found yet")
        return self._lease


async def _wait_for(name: str | None) -> str:
    """A URL is tried by opening it: looking first would make its server serve twice."""
    return name if name and "://" in name else await wait_for_port(name)
