"""Opening the endpoint. trio has no Unix listener: the sockets are made here, by hand.

Rules
- Only the holder of the lock may call this, or a guest for a socket of its own: what a killed process
  has left is removed.
- A TCP port is ours alone: SO_EXCLUSIVEADDRUSE on Windows, and no SO_REUSEADDR anywhere. A given
  port that is still in use is tried again for a while: an unclean end may just have been. Windows says
  EACCES of one that somebody else has so (Microsoft, "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE").
- Accepted TCP connections have SO_LINGER 0, so that a hard kill leaves neither CLOSE_WAIT nor
  TIME_WAIT; an orderly close takes that back first, for it would drop what is not sent yet.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import trio

from fbuild_watch.control import endpoint
from fbuild_watch.control.endpoint import Endpoint
from fbuild_watch.errors import EndpointInUse, RuntimeFolderUnsafe

BACKLOG = 128

BIND_S, _PAUSE_S = 5.0, 0.05

_TAKEN = (errno.EADDRINUSE, errno.EACCES) if sys.platform == "win32" else (errno.EADDRINUSE,)
"""What `bind` says of a port that is in use."""

_NOW = struct.pack("ii", 1, 0)
_LATER = struct.pack("ii", 0, 0)


@asynccontextmanager
async def listening(
    folder: Path, asked: str | None, name: str = endpoint.SOCKET
) -> AsyncIterator[tuple[trio.SocketListener, Endpoint]]:
    """Listen for the length of the block; leaves no socket behind.

    Raises EndpointInUse, RuntimeFolderUnsafe.
    """
    where = endpoint.choose(folder, asked, name)
    sock = trio.socket.from_stdlib_socket(where.make_socket())
    try:
        if where.kind == "unix":
            await _bind_path(sock, where.path)
        else:
            where = await _bind_port(sock, where)
        sock.listen(BACKLOG)
        yield trio.SocketListener(sock), where
    finally:
        sock.close()
        for left in (name, endpoint.TOKEN):
            with suppress(OSError):  # the next one removes it
                (folder / left).unlink(missing_ok=True)


async def _bind_path(sock: trio.socket.SocketType, path: str) -> None:
    try:
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 - left by a killed one: the lock is ours
        await sock.bind(path)
        os.chmod(path, 0o600)  # noqa: PTH101 - the folder is 0700 already
    except OSError as error:
        folder, name = os.path.split(path)
        raise RuntimeFolderUnsafe(folder, f"{name} cannot be made ({error.strerror})") from error


async def _bind_port(sock: trio.socket.SocketType, where: Endpoint) -> Endpoint:
    if exclusive := getattr(socket, "SO_EXCLUSIVEADDRUSE", None):
        sock.setsockopt(socket.SOL_SOCKET, exclusive, 1)
    with trio.move_on_after(BIND_S):
        while True:
            try:
                await sock.bind(where.address)
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise EndpointInUse(where.port, error.strerror or str(error)) from error
            else:
                return replace(where, port=sock.getsockname()[1])
            await trio.sleep(_PAUSE_S)
    raise EndpointInUse(where.port)


def end_at_once(stream: trio.SocketStream) -> None:
    """A hard kill is to leave nothing of this connection."""
    if stream.socket.family == socket.AF_INET:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOW)


async def close_orderly(stream: trio.SocketStream) -> None:
    """Close, with everything sent."""
    with suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError):
        if stream.socket.family == socket.AF_INET:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LATER)
    await trio.aclose_forcefully(stream)
