"""A console that has a board to itself lends it: `fbuild flash` and its like find the console on their
port, and ask it as they would ask the running process. On a socket of its own, where there are such.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from fbuild_watch import __version__
from fbuild_watch.board.port import BoardPort
from fbuild_watch.control.connection import Call, Secrets
from fbuild_watch.control.endpoint import choose
from fbuild_watch.control.guests import GUEST, Guest
from fbuild_watch.control.listen import listening
from fbuild_watch.control.messages import PROTOCOL, Status, Welcome
from fbuild_watch.control.server import Server
from fbuild_watch.daemon.board import Leaves, Outlet
from fbuild_watch.daemon.boards import Boards
from fbuild_watch.daemon.environment import in_their_clients
from fbuild_watch.daemon.operations import Operations
from fbuild_watch.daemon.work import Work
from fbuild_watch.errors import FbuildError
from fbuild_watch.model import Command, Notice

T = TypeVar("T")

Tell = Callable[[Notice], None]


async def lend(
    guest: Guest, defect: Callable[[Exception], FbuildError], port: BoardPort, tell: Tell
) -> None:
    """Serve the console's board to commands until cancelled; a write is finished then."""
    name = f"{GUEST}{os.getpid()}.sock"
    if choose(guest.folder, None, name).kind != "unix":
        return
    boards = Boards(lambda: None, own=_Own(port, tell))
    work = Work(boards)
    operations = Operations(work, boards)
    started = time.time()

    async def status(_call: Call) -> Status:
        return Status(os.getpid(), __version__, started, name, [], [], list(work.busy))

    handlers = {
        "status": status,
        "flash": work.flash,
        "verify": work.verify,
        "reset": operations.reset,
        "erase": operations.erase,
        "read": operations.read,
    }
    welcome = Welcome(PROTOCOL, __version__, os.getpid())
    server = Server(in_their_clients(handlers), Secrets(welcome), defect)
    async with listening(guest.folder, None, name) as (listener, where):
        await trio.to_thread.run_sync(guest.lends, where)
        await server.run(listener)


class _Own:
    """The console's board, as clients see it."""

    def __init__(self, port: BoardPort, tell: Tell) -> None:
        self.outlet = Outlet()
        self.port = port
        self.tell = tell

    def command(self, command: Command) -> None:
        """A console's: there is none here."""

    async def lend(self, work: Callable[[BoardPort], Awaitable[T]], *, leaves: Leaves[T]) -> T:
        """Have the port used. Nothing is known of the board (`leaves`)."""
        return await work(self.port)
