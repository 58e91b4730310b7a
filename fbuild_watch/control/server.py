"""The running process's side of the endpoint: takes connections, and knows who is connected."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import trio

from fbuild_watch.control.connection import Connection, Handler, Secrets
from fbuild_watch.errors import FbuildError

MOST = 256
"""Connections at a time; the next one is closed at once."""


class Server:
    """Answers with `handlers` until cancelled. `defect` makes an error of what nobody expected."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        secrets: Secrets,
        defect: Callable[[Exception], FbuildError],
    ) -> None:
        self._handlers = handlers
        self._secrets = secrets
        self._defect = defect
        self._connections: set[Connection] = set()

    @property
    def clients(self) -> list[str]:
        """Who is connected, in words."""
        return sorted(connection.client for connection in self._connections if connection.client)

    async def run(self, listener: trio.SocketListener) -> None:
        """Serve `listener`."""
        await trio.serve_listeners(self._take, [listener])

    async def _take(self, stream: trio.SocketStream) -> None:
        if len(self._connections) >= MOST:
            await trio.aclose_forcefully(stream)
            return
        connection = Connection(stream, self._handlers, self._secrets, self._defect)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
