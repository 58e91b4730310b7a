"""Everything that a served board is made of, put together: flash file, port, machine, server.

An edge: the only module of the virtual board that opens files and ports and hears signals.

Rules
- A board is known by its flash file: the MAC comes from the file's path, so that a restart is
  the same board and two boards are two.
- The end is the same whatever asks for it (SIGINT, SIGTERM, the parent's pipe): the server stops
  between two steps of the board, then the flash file is flushed and closed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import trio

from fbuild_watch.errors import BoardUnusable
from fbuild_watch.virtual.board import Board
from fbuild_watch.virtual.flash_file import open_flash
from fbuild_watch.virtual.nor import Nor
from fbuild_watch.virtual.personality import PERSONALITIES, Personality
from fbuild_watch.virtual.server import BoardServer
from fbuild_watch.virtual.stubs import installed_stubs
from fbuild_watch.virtual.timing import FAST, REAL

TIMINGS = {"real": REAL, "fast": FAST}


@dataclass(frozen=True, slots=True)
class Setup:
    """What to serve and where."""

    chip: str
    flash: Path
    host: str
    port: int
    """0: any free one."""
    timing: str
    """A key of TIMINGS."""
    with_parent: bool = False
    """Whether the end of standard input ends the board."""


def mac_of(flash: Path) -> bytes:
    """Return the 6 bytes of the MAC of the board with this flash file: locally administered."""
    return b"\x02" + hashlib.sha256(str(flash.resolve()).encode()).digest()[:5]


async def serve_board(
    setup: Setup, *, listening: Callable[[str], None], log: Callable[[str], None]
) -> None:
    """Serve a board until a signal or the parent's end; raises BoardUnusable.

    `listening` is called with the board's URL once clients can connect.
    """
    kind = _personality(setup.chip)
    with open_flash(setup.flash) as memory:
        nor = Nor(memory)
        server = BoardServer(_board(setup, kind, nor, log), log)
        listeners = await _listen(setup.host, setup.port)
        async with trio.open_nursery() as nursery:
            await nursery.start(_end_on_signal, nursery.cancel_scope)
            if setup.with_parent:
                nursery.start_soon(_end_with_parent, nursery.cancel_scope)
            nursery.start_soon(server.run)
            listening(_url(listeners[0]))
            await trio.serve_listeners(server.serve, listeners)


def _board(setup: Setup, kind: Personality, nor: Nor, log: Callable[[str], None]) -> Board:
    return Board(
        kind.cpu(nor.read),
        nor,
        timing=TIMINGS[setup.timing],
        mac=mac_of(setup.flash),
        personality=kind,
        stubs=installed_stubs(kind.stubs),
        log=log,
    )


def _personality(chip: str) -> Personality:
    try:
        return PERSONALITIES[chip]
    except KeyError:
        raise BoardUnusable(
            f"there is no virtual {chip!r}", hint=f"--chip is one of: {', '.join(PERSONALITIES)}"
        ) from None


async def _listen(host: str, port: int) -> list[trio.SocketListener]:
    try:
        return await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        busy = error.errno == errno.EADDRINUSE
        raise BoardUnusable(
            f"the board cannot listen on {host}:{port}: {error.strerror or error}",
            hint="another program serves there; --listen 0 takes a free port"
            if busy
            else "--listen is PORT or HOST:PORT; 0 takes a free port",
        ) from error


def _url(listener: trio.SocketListener) -> str:
    host, port = listener.socket.getsockname()[:2]
    return f"rfc2217://[{host}]:{port}" if ":" in host else f"rfc2217://{host}:{port}"


async def _end_on_signal(
    scope: trio.CancelScope, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:
            scope.cancel()


async def _end_with_parent(scope: trio.CancelScope) -> None:
    await trio.to_thread.run_sync(_read_to_end, sys.stdin.fileno(), abandon_on_cancel=True)
    scope.cancel()


def _read_to_end(fd: int) -> None:
    """Return when the pipe's other end is closed (os.read: it holds no lock at our own exit)."""
    while os.read(fd, 4096):
        continue
