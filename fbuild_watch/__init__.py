"""fbuild-watch: save a file, and the board on your desk runs it before you have looked up.

The API (imported when first used):

    Client, AsyncClient                  build, flash, verify, reset, status, events ...
    SerialMonitor, AsyncSerialMonitor    what a board says, line by line, and a way to answer
    Daemon, AsyncDaemon                  the user's one process: start, stop, status
    OperationResult                      what an operation did
    errors                               the tree of what can be raised

The async ones run under trio and asyncio alike.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fbuild_watch import errors as errors
    from fbuild_watch.api.aio.client import AsyncClient as AsyncClient
    from fbuild_watch.api.aio.daemon import AsyncDaemon as AsyncDaemon
    from fbuild_watch.api.aio.monitor import AsyncSerialMonitor as AsyncSerialMonitor
    from fbuild_watch.api.sync.client import Client as Client
    from fbuild_watch.api.sync.daemon import Daemon as Daemon
    from fbuild_watch.api.sync.monitor import SerialMonitor as SerialMonitor
    from fbuild_watch.model import OperationResult as OperationResult

__version__ = "0.1.0"

_API = {
    "AsyncClient": "api.aio.client",
    "AsyncDaemon": "api.aio.daemon",
    "AsyncSerialMonitor": "api.aio.monitor",
    "Client": "api.sync.client",
    "Daemon": "api.sync.daemon",
    "SerialMonitor": "api.sync.monitor",
    "OperationResult": "model",
}


def __getattr__(name: str) -> Any:
    """What is exported, imported when it is asked for: `fbuild --help` needs none of it."""
    if name not in _API:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_API[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_API]
