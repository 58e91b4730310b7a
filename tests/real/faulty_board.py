"""`python -m tests.real.faulty_board`: as `fbuild board serve`, a board that fails on purpose.

One JSON object on the command line: flash, chip, timing, faults (see tests.faults), seed. The
first line on stdout is the URL; what happens is logged on stderr; it ends with standard input.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import trio

from fbuild_watch.virtual.flash_file import open_flash
from fbuild_watch.virtual.host import TIMINGS, mac_of
from fbuild_watch.virtual.personality import PERSONALITIES
from fbuild_watch.virtual.server import BoardServer
from fbuild_watch.virtual.stubs import installed_stubs
from tests.faults import FaultyBoard, FaultyNor, PortFault, Renamed, from_json


def log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Port:
    """The board's port: there, or away for a while, or back under another name."""

    def __init__(self) -> None:
        self._away = 0.0
        self._number = 0
        self._vanished = trio.Event()

    def vanish(self, fault: PortFault) -> None:
        self._away = fault.seconds
        if isinstance(fault, Renamed):
            self._number = 0
        self._vanished.set()

    async def serve(self, server: BoardServer) -> None:
        """Serve connections; closed, refused and open again whenever it vanishes."""
        while True:
            # The socket of the old name is not there any more: the system gives a new number.
            listeners = await trio.open_tcp_listeners(self._number, host="127.0.0.1")
            if not self._number:
                self._number = listeners[0].socket.getsockname()[1]
                url = f"rfc2217://127.0.0.1:{self._number}"
                print(url, flush=True)
                log(f"port: {url}")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.serve_listeners, server.serve, listeners)
                await self._vanished.wait()
                self._vanished = trio.Event()
                nursery.cancel_scope.cancel()
            await trio.sleep(self._away)


async def end_with_parent(scope: trio.CancelScope) -> None:
    await trio.to_thread.run_sync(os.read, sys.stdin.fileno(), 1, abandon_on_cancel=True)
    scope.cancel()


async def main(plan: dict[str, Any]) -> None:
    flash, kind, faults = (
        Path(plan["flash"]),
        PERSONALITIES[plan["chip"]],
        from_json(plan["faults"]),
    )
    port = Port()
    with open_flash(flash) as memory:
        board = FaultyBoard(
            FaultyNor(memory, faults, log),
            faults,
            plan["seed"],
            personality=kind,
            vanish=port.vanish,
            log=log,
            timing=TIMINGS[plan["timing"]],
            mac=mac_of(flash),
            stubs=installed_stubs(kind.stubs),
        )
        server = BoardServer(board, log)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(end_with_parent, nursery.cancel_scope)
            nursery.start_soon(server.run)
            nursery.start_soon(port.serve, server)


if __name__ == "__main__":
    trio.run(main, json.loads(sys.argv[1]))
