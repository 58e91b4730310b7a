"""Where the user's running process answers, as it has said itself. Imports nothing slow."""

from __future__ import annotations

from dataclasses import dataclass

from fbuild_watch.control import endpoint, info
from fbuild_watch.control.endpoint import Endpoint
from fbuild_watch.control.runtime import runtime_dir


@dataclass(frozen=True, slots=True)
class Located:
    """The process, its endpoint, and the token that it wants over TCP."""

    pid: int
    version: str
    endpoint: Endpoint
    token: str


def locate() -> Located | None:
    """The running process; None: there is none, or it does not answer yet, or where we do not know
    how to ask (a newer version).

    That it lives is what its pid and its start time say; whether it answers is seen by asking.
    """
    folder = runtime_dir()
    found = info.read(folder)
    if found is None or found.endpoint is None:
        return None
    try:
        where = endpoint.parse(found.endpoint)
    except ValueError:
        return None
    token = endpoint.read_token(folder) if where.kind == "tcp" else ""
    return Located(found.pid, found.version, where, token)
