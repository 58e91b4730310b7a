"""Commands that use boards themselves because no process runs: `fbuild flash`, `fbuild console` ...

Rules
- All of them hold the user's lock together (`lock.share`), so no process starts beside them.
- A port has one of them at a time, by a kernel lock of its own. The next one waits for a command
  that ends by itself, and is refused by a console, which may lend its port (`lender`).
- Who they are lies beside the locks, as it does for the process, and is believed while they live.
- Whoever has the user's lock alone may remove all that: nobody waits on it then.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from fbuild_watch.control import endpoint, info
from fbuild_watch.control.endpoint import Endpoint
from fbuild_watch.control.info import Info
from fbuild_watch.control.locate import Located
from fbuild_watch.control.runtime import PREFIX
from fbuild_watch.errors import PortBusy, RuntimeFolderUnsafe
from fbuild_watch.system.kernel_lock import open_lock_file, try_exclusive

GUEST = f"{PREFIX}guest."
PORT = f"{PREFIX}port."

OnWait = Callable[[Info], None]
"""Told, once each, of those that are waited for."""

PAUSE_S = 0.02
"""Between two looks whether one has ended."""

_SHARE = "leave it first: with fbuild watch in its place all commands share the board"


def ignore(_guest: Info) -> None:
    """Nobody wants to know."""


class Guest:
    """One of them, while it works."""

    def __init__(self, folder: Path, ourselves: Info) -> None:
        self.folder = folder
        self._info = ourselves

    def lender(self, port: str) -> Located | None:
        """Where another guest answers that has this port, and lends it; None: there is none."""
        for other in self._others_on(port):
            if other.endpoint is not None:
                return Located(other.pid, other.version, endpoint.parse(other.endpoint), "")
        return None

    def lends(self, where: Endpoint) -> None:
        """Say that we have the port, lend it, and answer there, until we are through with it."""
        self._publish(replace(self._info, endpoint=str(where)))

    @contextlib.contextmanager
    def port(self, name: str, on_wait: OnWait = ignore, *, wait: bool = True) -> Iterator[None]:
        """Have a port for the length of the block. Raises PortBusy."""
        fd = open_lock_file(self.folder / f"{PORT}{_key(name)}")
        try:
            self._take(fd, name, on_wait, wait=wait)
            self._publish(replace(self._info, port=name))
            yield
        finally:
            os.close(fd)
            with contextlib.suppress(RuntimeFolderUnsafe):  # the work is done, and says how it went
                self._publish(replace(self._info, port="", endpoint=None))

    def _take(self, fd: int, name: str, on_wait: OnWait, *, wait: bool) -> None:
        told: set[int] = set()
        while not try_exclusive(fd):
            for other in self._others_on(name):
                if other.stays or other.endpoint is not None or not wait:
                    raise PortBusy(name, other.pid, other.command, hint=_SHARE)
                if other.pid not in told:
                    on_wait(other)
                told.add(other.pid)
            time.sleep(PAUSE_S)

    def _others_on(self, name: str) -> Iterator[Info]:
        for other in living(self.folder):
            if other.pid != self._info.pid and other.port and _key(other.port) == _key(name):
                yield other

    def _publish(self, ourselves: Info) -> None:
        self._info = ourselves
        info.write(self.folder, self._info, f"{GUEST}{self._info.pid}")


@contextlib.contextmanager
def registered(folder: Path, ourselves: Info) -> Iterator[Guest]:
    """Be known as a guest for the length of the block. For `lock.share` only."""
    file = folder / f"{GUEST}{ourselves.pid}"
    info.write(folder, ourselves, file.name)
    try:
        yield Guest(folder, ourselves)
    finally:
        info.remove(file)


def living(folder: Path) -> list[Info]:
    """All guests that there are."""
    found = (info.read(folder, path.name) for path in folder.glob(f"{GUEST}*"))
    return [guest for guest in found if guest is not None]


def clear(folder: Path) -> None:
    """Remove what is left of them. For who holds the user's lock alone."""
    for path in (*folder.glob(f"{GUEST}*"), *folder.glob(f"{PORT}*")):
        info.remove(path)


def _key(port: str) -> str:
    """The same for all names of a device, as a file's name."""
    return quote(port if "://" in port else os.path.realpath(port), safe="")
