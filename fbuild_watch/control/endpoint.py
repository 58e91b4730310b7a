"""Where the running process answers: `unix:PATH`, or `tcp:HOST:PORT` with a token in a file.

A Unix socket wherever the system has them; loopback TCP on Windows, where the runtime folder's path
is too long for a socket's name, and on request. The token is 256 bits, in a file for its owner only.
"""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fbuild_watch.control.runtime import PREFIX

SOCKET = f"{PREFIX}sock"
TOKEN = f"{PREFIX}token"
HOST = "127.0.0.1"

_LONGEST_NAME = 104 if sys.platform == "darwin" else 108
"""Bytes of `sun_path`, with its NUL (unix(7), unix(4))."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Unix socket's path, or a port of this machine."""

    kind: Literal["unix", "tcp"]
    path: str = ""
    port: int = 0

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.kind == "unix" else f"tcp:{HOST}:{self.port}"

    @property
    def address(self) -> str | tuple[str, int]:
        """For `socket.connect` and `socket.bind`."""
        return self.path if self.kind == "unix" else (HOST, self.port)

    def make_socket(self) -> socket.socket:
        """A socket of the right family."""
        family = socket.AF_UNIX if self.kind == "unix" else socket.AF_INET
        return socket.socket(family, socket.SOCK_STREAM)


def parse(text: str) -> Endpoint:
    """The endpoint that `str(endpoint)` wrote. Raises ValueError."""
    kind, _, rest = text.partition(":")
    if kind == "unix" and rest:
        return Endpoint("unix", path=rest)
    host, _, port = rest.rpartition(":")
    if kind == "tcp" and host == HOST and port.isdecimal() and int(port) < 1 << 16:
        return Endpoint("tcp", port=int(port))
    raise ValueError(f"{text!r} is no endpoint")


def choose(folder: Path, asked: str | None, name: str = SOCKET) -> Endpoint:
    """Where to listen. `asked`: `unix`, `tcp`, `tcp:PORT`; None: what the system does best.

    A socket is called `name`.
    """
    if asked and asked.startswith("tcp"):
        return Endpoint("tcp", port=int(asked.partition(":")[2] or 0))
    path = str(folder / name)
    fits = len(os.fsencode(path)) < _LONGEST_NAME
    if hasattr(socket, "AF_UNIX") and sys.platform != "win32" and fits:
        return Endpoint("unix", path=path)
    return Endpoint("tcp")


def make_token(folder: Path) -> str:
    """A new token in its file, which its owner alone can read from the moment it is there."""
    import secrets  # late: clients do without

    token = secrets.token_urlsafe(32)
    path = folder / TOKEN
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(token)
    return token


def read_token(folder: Path) -> str:
    """The token of the running process; empty where there is none."""
    try:
        return (folder / TOKEN).read_text(encoding="ascii")
    except (OSError, UnicodeError):
        return ""
