"""The running process's side of the endpoint: takes connections, and knows who is connected.

Rules
- Over TCP anybody on this machine can connect. So who has not shown yet that it is the user has a place
  among strangers, of which the newest stay: whoever holds all of them open keeps nobody out, for who
  knows the token says so with its first bytes.
- Clients have places of their own, and are told when there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import trio

from fbuild_watch.control.connection import Connection, Handler, Secrets
from fbuild_watch.errors import ControlRefused, FbuildError

MOST = 256
"""Clients at a time."""

MOST_STRANGERS = 64
"""Connections at a time that have not said who they are; of more, the oldest is closed."""


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
        self._clients: set[Connection] = set()
        self._strangers: dict[Connection, None] = {}
        """The oldest first."""

    @property
    def clients(self) -> list[str]:
        """Who is connected, in words."""
        return sorted(connection.client for connection in self._clients)

    async def run(self, listener: trio.SocketListener) -> None:
        """Serve `listener`."""
        await trio.serve_listeners(self._take, [listener])

    async def _take(self, stream: trio.SocketStream) -> None:
        connection = Connection(stream, self._handlers, self._secrets, self._defect, self._admit)
        self._strangers[connection] = None
        if len(self._strangers) > MOST_STRANGERS:
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            oldest.drop()
        try:
            await connection.run()
        except Exception as error:
            self._defect(error)  # of this connection, and the end of no other
        finally:
            self._strangers.pop(connection, None)
            self._clients.discard(connection)

    def _admit(self, connection: Connection) -> None:
        """It has shown that it is the user. Raises ControlRefused."""
        if len(self._clients) >= MOST:
            raise ControlRefused(f"{MOST} clients are connected", hint="end some of them")
        self._strangers.pop(connection, None)
        self._clients.add(connection)
