"""The loop's way to its board: found, opened, read, lent to the flasher and closed in one place.

The port stays open from the day it is found: the flasher works on the same open port as the
console, so that no DTR/RTS pulse resets the board and no byte is lost between the two.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Literal, TypeVar

import trio

from fbuild_watch import flash, words
from fbuild_watch.board import tool_upload
from fbuild_watch.errors import PortError, PortLost, PortNotFound, PortUnusable
from fbuild_watch.model import (
    ConsoleItem,
    DeviceBytes,
    Environment,
    FlashReport,
    Image,
    Notice,
    UploadRecipe,
    UploadReport,
)
from fbuild_watch.serial import (
    Identity,
    Port,
    PortLease,
    identify,
    list_ports_soon,
    look_up,
    open_port,
    read_into,
    rest_of,
    wait_for_board,
    wait_for_port,
)
from fbuild_watch.serial.port import DRAIN_LOOK

T = TypeVar("T")

Operation = Callable[[flash.Line, flash.Listener], Awaitable[T]]
"""What is done with a port that the console has lent: `flash.verify`, `flash.erase` ..."""

RETRY_S = 0.5
"""How long a port that cannot be opened is left alone."""

COME_BACK_S = 5.0
"""How long a board may take to come up after an upload: USB enumerates in one to a few seconds."""


PIECE = 256
"""Bytes that are sent at a time: 22 ms at 115200."""
BITS = 10
"""A byte on the line, with its start and stop bit."""
LAST_WORDS_S = 1.0
"""How long a board may take to take what was sent, before the port is used otherwise."""


class BoardPort:
    """One board's port. Its methods are called by the effects of the loop, one at a time."""

    def __init__(
        self,
        show: Callable[[ConsoleItem], Awaitable[None]],
        baud: int,
        memory: flash.BoardMemory | None = None,
        settings: Callable[[], Environment | None] = lambda: None,
    ) -> None:
        """`memory`: what is known of boards from before; None: of this port's life only.

        `settings`: those of the project whose board it is, as they are now.
        """
        self._show = show
        self._memory = memory or flash.BoardMemory()
        self._settings = settings
        self._baud = baud
        self._port: Port | None = None
        self._board: Identity | None = None
        self._lease: PortLease | None = None
        self._turn = trio.Lock()
        self._reading = trio.CancelScope()
        self._free_to_type = trio.Event()
        self._sending, self._typing = trio.Lock(), trio.Lock()
        self._send_scope = trio.CancelScope()
        self._type, self._typed = trio.open_memory_channel[bytes](math.inf)
        self._to_send = 0
        self._lost = False
        """Whether the console has seen the open port break."""
        self.last_byte = b""
        """What the board said last, to the console."""
        self._busy_until = -math.inf
        """When the line has carried what was sent."""

    async def find(
        self, configured: Callable[[], str | None], tell: Callable[[Notice], None]
    ) -> None:
        """Return when a port is open. What stands in the way is said, once each.

        `configured`, its name or None, is asked in a thread.
        """
        await self.aclose()
        said = ""
        while self._port is None:
            try:
                name = await trio.to_thread.run_sync(configured)
                await self.open(await self._wait_for(name, tell))
            except PortError as error:
                if str(error) != said:
                    tell(words.waiting(error))
                said = str(error)
                await trio.sleep(RETRY_S)

    async def open(self, name: str) -> None:
        """Open the port that is called `name`. Raises PortError."""
        ports = [] if "://" in name else await list_ports_soon()
        info = await trio.to_thread.run_sync(look_up, name, ports)
        settings = self._settings()
        rest = rest_of(info, settings.monitor if settings else {})
        self._port = await open_port(name, self._baud, rest)
        self._lease = PortLease(self._port)
        self._lost = False
        self._board = identify(info, ports)

    async def _wait_for(self, name: str | None, tell: Callable[[Notice], None]) -> str:
        """A URL is tried by opening it: looking first would make its server serve twice."""
        if name and "://" in name:
            return name
        if self._board is None:
            return await wait_for_port(name)
        ours = str(self._board)
        return await wait_for_board(
            self._board, name, lambda other: tell(words.another_board(ours, other.device))
        )

    @property
    def name(self) -> str:
        """What the user calls the port; empty while there is none."""
        return self._port.name if self._port is not None else ""

    @property
    def baud(self) -> int:
        """The console's speed."""
        return self._baud

    @property
    def lent(self) -> bool:
        """Whether the flasher has it, or a file is being sent."""
        return self._lease is not None and self._lease.holder in ("flasher", "transfer")

    async def read(self) -> None:
        """Show what the board says, until the port is closed here. Raises PortLost.

        The flasher borrows the port meanwhile; then reading goes on with what came after.
        """
        with suppress(trio.ClosedResourceError):
            while True:
                # Made before the turn comes, so that `flash` can always end this very reading.
                scope = self._reading = trio.CancelScope()
                async with self._turn:
                    if self._lease is None:
                        return self._check_closed_here()
                    with scope, self._lease.take("console") as port:
                        await self._read_now(port)

    async def keep_reading(
        self, name: str, tell: Callable[[Notice], None], forget: Callable[[], None]
    ) -> None:
        """Show what the board on `name` says, and wait for it while it is away, until cancelled.

        `forget` is called when it goes: what it said is not of what it says next.
        """
        while True:
            if not self.name:
                await self.find(lambda: name, tell)
                tell(words.board_back())
            try:
                await self.read()
            except PortError as error:
                forget()
                tell(words.failed(error))
                await self.aclose()

    def _check_closed_here(self) -> None:
        if self._port is not None:
            raise PortLost(self._port.name, "it did not come back after the upload")

    async def _read_now(self, port: Port) -> None:
        await port.set_baud(self._baud)
        await port.rest_lines()
        self._free_to_type.set()
        try:
            await read_into(port, self._shown)
        except PortLost:
            self._lost = True
            raise
        finally:
            self._free_to_type = trio.Event()

    async def _shown(self, item: ConsoleItem) -> None:
        if isinstance(item, DeviceBytes):
            self.last_byte = item.data[-1:]
        await self._show(item)

    async def visit(self, operation: Operation[T], baud: int, listener: flash.Listener) -> T:
        """Borrow the port from the console for an operation. Raises PortNotFound, and as that does."""
        async with self._borrowed("flasher") as port:
            return await operation(self._line(port, baud), listener)

    async def borrow(self, holder: str, work: Callable[[Port], Awaitable[T]]) -> T:
        """Borrow the port from the console. Raises PortNotFound, and as `work` does."""
        async with self._borrowed(holder) as port:
            return await work(port)

    @asynccontextmanager
    async def _borrowed(self, holder: str) -> AsyncIterator[Port]:
        self._reading.cancel()
        async with self._turn, self._sent():
            if self._lease is None:
                raise PortNotFound(None)
            await self._drain()
            with self._lease.take(holder) as port:
                yield port

    def _line(self, port: Port, baud: int) -> flash.Line:
        settings = self._settings()
        return flash.Line(
            port.blocking(),
            port.name,
            port.has_modem_lines,
            baud,
            self._baud,
            reset=settings.reset if settings else "auto",
            memory=self._memory,
            mac=settings.mac if settings else None,
        )

    async def upload(self, recipe: UploadRecipe, listener: flash.Listener) -> UploadReport:
        """Close the port for a core's own program, and open it again. Raises FlashError, PortError."""
        async with self._borrowed("flasher") as port:
            await port.aclose()
            try:
                return await tool_upload.upload(recipe, port.name, listener)
            finally:
                with trio.CancelScope(shield=True):
                    await self._open_again(port.name)

    async def _open_again(self, name: str) -> None:
        """A board that was reset may be away for a moment. Raises PortLost when it stays away."""
        deadline = trio.current_time() + COME_BACK_S
        while True:
            try:
                await self.open(name)
            except PortError as error:
                if trio.current_time() > deadline:
                    self._lease = None
                    raise PortLost(name, "it did not come back after the upload") from error
                await trio.sleep(RETRY_S)
            else:
                return

    async def flash(
        self,
        image: Image,
        baud: int,
        listener: flash.Listener,
        proven: Callable[[FlashReport | UploadReport], None],
    ) -> None:
        """Borrow the port from the console for one flash. Raises what `flash.flash` raises.

        `proven` is called before anything that the new firmware says is shown.
        """
        if image.upload is not None:
            proven(await self.upload(image.upload, listener))
            return

        async def bring_up_to_date(line: flash.Line, listener: flash.Listener) -> None:
            proven(await flash_line(line, image, listener))

        await self.visit(bring_up_to_date, baud, listener)

    async def reset(self) -> None:
        """Restart the firmware, after a flash that is under way. Raises PortError."""
        async with self._borrowed("reset") as port:
            await port.reset()

    async def change_baud(self, baud: int) -> None:
        """The speed of the console from now on. Raises PortError."""
        if baud == self._baud:
            return
        before, self._baud = self._baud, baud
        if self._port is None or not self._free_to_type.is_set():
            return
        try:
            await self._port.set_baud(baud)
        except PortUnusable:
            self._baud = before
            raise

    async def set_line(self, line: Literal["dtr", "rts"], on: bool) -> None:
        """Move one of the modem lines, after a flash that is under way. Raises PortError."""
        async with self._sending:
            port = self._opened()
            await port.set_lines(**(port.lines() | {line: on}))
            port.rest = port.rest._replace(**{line: on})

    async def send_break(self) -> None:
        """Send a break, after a flash that is under way. Raises PortError."""
        async with self._sending:
            await self._opened().send_break()

    def _opened(self) -> Port:
        if self._port is None:
            raise PortNotFound(None)
        return self._port

    @property
    def waiting(self) -> int:
        """Bytes that were typed and are not sent yet."""
        return self._to_send

    def type(self, data: bytes) -> None:
        """Send bytes to the firmware as soon as the console has the port."""
        self._to_send += len(data)
        self._type.send_nowait(data)

    async def send_typed(self) -> None:
        """Carry what was typed to the board, in order.

        What is typed during a flash, or while the board is away, waits. Sent in pieces, so that
        a long text does not keep the flasher waiting, nor runs on into what the flasher says.
        """
        async for data in self._typed:
            async with self._typing:
                for start in range(0, len(data), PIECE):
                    await self._send(data[start : start + PIECE])

    @asynccontextmanager
    async def typing_alone(self) -> AsyncIterator[Callable[[bytes], Awaitable[None]]]:
        """Type while what others type waits. Gives a function that sends a piece as the console.

        It raises PortNotFound while the board is away, PortLost when it goes.
        """
        async with self._typing:
            yield self._send_now

    async def _send_now(self, piece: bytes) -> None:
        while not self._free_to_type.is_set():
            self._opened()
            if self._lost:
                raise PortLost(self.name, "it broke")
            await trio.sleep(DRAIN_LOOK)
        async with self._sending:
            try:
                with trio.CancelScope() as self._send_scope:
                    await self._opened().send_all(piece)
            except trio.ClosedResourceError as error:
                raise PortLost(self.name, "it was closed") from error
        self._occupy_line(len(piece))
        if self._send_scope.cancelled_caught:
            raise PortLost(self.name, "the board takes nothing, and the port was wanted")

    async def _send(self, piece: bytes) -> None:
        while True:
            await self._free_to_type.wait()
            async with self._sending:
                if self._port is not None and self._free_to_type.is_set():
                    with suppress(PortError, trio.ClosedResourceError):  # `read` reports it
                        with trio.CancelScope() as self._send_scope:
                            await self._port.send_all(piece)
                        return self._count_sent(len(piece))
            await trio.sleep(RETRY_S)

    def _count_sent(self, count: int) -> None:
        self._to_send -= count
        self._occupy_line(count)

    def _occupy_line(self, count: int) -> None:
        now = trio.current_time()
        self._busy_until = max(now, self._busy_until) + count * BITS / self._baud

    @asynccontextmanager
    async def _sent(self) -> AsyncIterator[None]:
        """Nothing is being sent. A board that takes nothing loses the piece that it was sent."""
        with trio.move_on_after(LAST_WORDS_S) as patience:
            await self._sending.acquire()
        if patience.cancelled_caught:
            self._send_scope.cancel()
            await self._sending.acquire()
        try:
            yield
        finally:
            self._sending.release()

    async def type_out(self, taken: trio.Event | None = None) -> None:
        """Wait, for seconds at most, until all that was typed is with the board.

        A script may end with what it sends. `taken` is set when all of it has come here; None: it has.
        """
        with trio.move_on_after(LAST_WORDS_S):
            if taken is not None:
                await taken.wait()
            while self._to_send:  # noqa: ASYNC110 - the end of a program, once
                await trio.sleep(DRAIN_LOOK)
            async with self._sending:
                await self._drain()

    async def _drain(self) -> None:
        """Let what was sent reach the board: a reset would lose what is on its way.

        The driver tells when its buffer is empty, but neither what the adapter still holds, nor
        what a server does; the line's own speed tells that.
        """
        with suppress(PortError, trio.ClosedResourceError), trio.move_on_after(LAST_WORDS_S):
            if self._port is not None:
                await self._port.drain()
                await trio.sleep_until(self._busy_until)

    async def aclose(self) -> None:
        """Give the port back, when a write that is under way is proven."""
        self._reading.cancel()
        with trio.CancelScope(shield=True):
            async with self._turn:
                port, self._port, self._lease = self._port, None, None
                if port is not None:
                    await port.aclose()


async def flash_line(line: flash.Line, image: Image, listener: flash.Listener) -> FlashReport:
    """`flash.flash` as an operation on a line."""
    return await flash.flash(
        line.port,
        image,
        name=line.name,
        modem_lines=line.modem_lines,
        write_baud=line.write_baud,
        run_baud=line.run_baud,
        listener=listener,
        memory=line.memory,
        mac=line.mac,
        reset=line.reset,
    )
