"""A server with handlers of the test's own, and a bare client that may send anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from fbuild_watch.control import endpoint, messages, protocol
from fbuild_watch.control.connection import Handler, Secrets
from fbuild_watch.control.endpoint import Endpoint
from fbuild_watch.control.frames import FrameReader
from fbuild_watch.control.listen import listening
from fbuild_watch.control.locate import Located
from fbuild_watch.control.server import Server
from fbuild_watch.errors import FbuildError, InternalError

NOTHING = messages.Nothing()
WELCOME = messages.Welcome(messages.PROTOCOL, "0.0.0", 1)


def defect(error: Exception) -> FbuildError:
    return InternalError(f"{type(error).__name__}: {error}", report="nowhere")


@dataclass
class Served:
    """A running server."""

    server: Server
    located: Located
    listener: trio.SocketListener

    @property
    def endpoint(self) -> Endpoint:
        return self.located.endpoint


def make(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)


@asynccontextmanager
async def served(
    folder: Path, handlers: Mapping[str, Handler], kind: str = "unix"
) -> AsyncIterator[Served]:
    """Serve for the length of the block."""
    make(folder)
    async with listening(folder, kind) as (listener, where), trio.open_nursery() as nursery:
        token = endpoint.make_token(folder) if where.kind == "tcp" else None
        server = Server(handlers, Secrets(WELCOME, token), defect)
        nursery.start_soon(server.run, listener)
        yield Served(server, Located(1, "0.0.0", where, token or ""), listener)
        nursery.cancel_scope.cancel()


class Bare:
    """A client that knows nothing but frames."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._frames = FrameReader(1 << 24)
        self._waiting: list[bytes] = []

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def ask(self, id_: int | str, method: str, params: Any = NOTHING) -> None:
        await self.send(protocol.write_request(id_, method, params))

    async def receive(self) -> Any:
        """The next message; None: the server has ended."""
        while not self._waiting:
            data = await self.stream.receive_some(65536)
            if not data:
                return None
            self._waiting = self._frames.feed(data)
        return protocol.read_message(self._waiting.pop(0))


@asynccontextmanager
async def connected(where: Located, *, hello: bool = True) -> AsyncIterator[Bare]:
    """A bare client, by default one that has said hello."""
    sock = trio.socket.from_stdlib_socket(where.endpoint.make_socket())
    await sock.connect(where.endpoint.address)
    async with trio.SocketStream(sock) as stream:
        client = Bare(stream)
        if hello:
            said = messages.Hello(messages.PROTOCOL, "0.0.0", "a test", where.token)
            await client.ask(0, "hello", said)
            assert isinstance(await client.receive(), protocol.Reply)
        yield client
