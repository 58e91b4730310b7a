"""Something is to be drawn: said by one thread, waited for by another, at no cost while it is known."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Pulse:
    """Wakes the terminal's loop. Only `beat` may be called from other threads."""

    def __init__(self) -> None:
        """Nothing is to be drawn, and nobody waits."""
        self._event = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._known = False

    def start(self) -> None:
        """This loop is the one to be woken."""
        self._loop = asyncio.get_running_loop()

    def beat(self) -> None:
        """There is something."""
        if not self._known and self._loop is not None:
            self._known = True
            with suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self) -> None:
        """Until there is something; what comes after this is new."""
        await self._event.wait()
        self._event.clear()
        self._known = False
