"""A port without hardware: bytes are put in by the test, what is done to it is kept."""

from __future__ import annotations

from math import inf
from typing import Any, Literal

import trio

from fbuild_watch.errors import PortLost
from fbuild_watch.serial.port import Port, SerialLike


class FakePort(Port):
    """What arrives is `say`; `done` is what the port was told, with the time."""

    def __init__(self, *, has_modem_lines: bool = True) -> None:
        self.name = "fake"
        self.has_modem_lines = has_modem_lines
        self.done: list[tuple[float, Any]] = []
        self._lines: dict[Literal["dtr", "rts"], bool] = {"dtr": False, "rts": False}
        self._send, self._receive = trio.open_memory_channel[bytes](inf)

    def say(self, data: bytes) -> None:
        """The board says something."""
        self._send.send_nowait(data)

    def unplug(self) -> None:
        """The port breaks."""
        self._send.close()

    async def receive_some(self) -> bytes:
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise PortLost(self.name, "unplugged") from None

    async def send_all(self, data: bytes) -> None:
        self.done.append((trio.current_time(), data))

    async def set_baud(self, baud: int) -> None:
        self.done.append((trio.current_time(), baud))

    async def set_lines(self, *, dtr: bool, rts: bool) -> None:
        await trio.lowlevel.checkpoint()
        if not self.has_modem_lines:
            raise self._no_lines()
        self._lines = {"dtr": dtr, "rts": rts}
        self.done.append((trio.current_time(), {"dtr": dtr, "rts": rts}))

    def lines(self) -> dict[Literal["dtr", "rts"], bool]:
        if not self.has_modem_lines:
            raise self._no_lines()
        return self._lines

    async def set_break(self, on: bool) -> None:
        await trio.lowlevel.checkpoint()
        self.done.append((trio.current_time(), "break" if on else "break over"))

    def blocking(self) -> SerialLike:
        raise NotImplementedError

    async def aclose(self) -> None:
        self._receive.close()
