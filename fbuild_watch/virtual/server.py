"""The board on a port: a trio server around the pure `Board` and the RFC 2217 session.

    client's bytes -> Rfc2217Session -> Board -> (poll at its deadlines) -> client

Rules
- One task owns the passing of time: it polls the board when it is due and sleeps in between.
  The clock is trio's, so tests can bring their own.
- One client has the line. Another one waits up to `TURN` seconds for it (a tool that reopens
  its port meets its own old connection), is then told and closed.
- A client that goes, in whatever way, releases DTR and RTS together, as closing a port does: the
  board goes on running.
- Output that a client does not read is dropped beyond `UNREAD_LIMIT`, as a serial port overruns;
  acknowledgements are not.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

from fbuild_watch.virtual.board import Board
from fbuild_watch.virtual.rfc2217 import ProtocolError, Rfc2217Session, escape

TURN = 1.0
UNREAD_LIMIT = 1 << 20
BUSY = b"the line is in use by another client\r\n"
GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


class Client:
    """What is to be sent to the one client; a task of its own sends it."""

    def __init__(self) -> None:
        self._unsent = bytearray()
        self._more = trio.Event()

    def send_nowait(self, data: bytes) -> None:
        """Queue bytes for the client."""
        self._unsent += data
        self._more.set()

    def send_output_nowait(self, data: bytes) -> None:
        """Queue what the board says; dropped when the client does not read."""
        if len(self._unsent) < UNREAD_LIMIT:
            self.send_nowait(escape(data))

    async def send_to(self, stream: trio.abc.Stream) -> None:
        """Send what is queued, until the stream breaks."""
        while True:
            await self._more.wait()
            data, self._unsent, self._more = self._unsent, bytearray(), trio.Event()
            await stream.send_all(data)


class BoardServer:
    """Serves one board; `serve` is one client's connection, `run` makes time pass."""

    def __init__(self, board: Board, log: Callable[[str], None] = lambda line: None) -> None:
        self._board = board
        self._log = log
        self._client: Client | None = None
        self._turn = trio.Semaphore(1)
        self._woken = trio.Event()

    # --- the board's time ---

    async def run(self) -> None:
        """Power the board and let time pass for it."""
        self._board.power_on(trio.current_time())
        while True:
            self._poll()
            await self._wait_due()

    def _poll(self) -> None:
        output = self._board.poll(trio.current_time())
        if output and self._client is not None:
            self._client.send_output_nowait(output)

    async def _wait_due(self) -> None:
        """Sleep until the board is due or something came; always lets other tasks run."""
        await trio.lowlevel.checkpoint()
        deadline = self._board.deadline
        with trio.move_on_at(math.inf if deadline is None else deadline):
            await self._woken.wait()
        self._woken = trio.Event()

    # --- the client's side of the line (see rfc2217.Line) ---

    def receive(self, data: bytes) -> None:
        """Bytes for the board."""
        self._board.receive(data, trio.current_time())
        self._woken.set()

    def set_lines(self, dtr: bool, rts: bool) -> None:
        """DTR and RTS."""
        self._board.set_lines(dtr, rts, trio.current_time())
        self._woken.set()

    def set_baud(self, baud: int) -> None:
        """The client's baud rate."""
        self._board.set_baud(baud, trio.current_time())

    def drop_unsent(self) -> None:
        """The client purges what it sent."""
        self._board.drop_unsent()

    # --- connections ---

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Give one connection the line, until it ends."""
        async with stream:
            try:
                with trio.fail_after(TURN):
                    await self._turn.acquire()
            except trio.TooSlowError:
                await self._refuse(stream)
                return
            try:
                await self._converse(stream)
            finally:
                self._client = None
                self.set_lines(False, False)
                self._turn.release()

    async def _refuse(self, stream: trio.abc.Stream) -> None:
        self._log("a second client was refused")
        try:
            await stream.send_all(BUSY)
        except GONE:
            self._log("the second client was gone")

    async def _converse(self, stream: trio.abc.Stream) -> None:
        self._log("client connected")
        client = Client()
        session = Rfc2217Session(self, client.send_nowait)
        self._client = client
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.send_to, stream)
                async for data in stream:
                    session.receive(bytes(data))
                nursery.cancel_scope.cancel()
        except* GONE:
            self._log("client lost")
        except* ProtocolError as errors:
            self._log(f"client cut off: {errors.exceptions[0]}")
        else:
            self._log("client gone")
