"""Waiting for a package's locks without stopping the others: the asynchronous side of store.py."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable

import trio

from fbuild_watch.packages.identity import Identity
from fbuild_watch.packages.store import Store
from fbuild_watch.system.kernel_lock import try_exclusive, try_shared

_PAUSE_S = 0.05


class Leases:
    """The packages that this process uses: nobody removes them while it lives."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fds: dict[Identity, int] = {}

    async def take(self, identity: Identity) -> None:
        """Use a package from now on, and stamp it as used."""
        if identity not in self._fds:
            fd = self._store.lock_file(identity, "use")
            try:
                await _wait(lambda: try_shared(fd), lambda: None)
            except BaseException:
                os.close(fd)
                raise
            self._fds[identity] = fd
        os.utime(self._store.lock_path(identity, "use"), (time.time(), time.time()))

    def close(self) -> None:
        """Use none any more."""
        while self._fds:
            os.close(self._fds.popitem()[1])


@contextlib.asynccontextmanager
async def changing(
    store: Store, identity: Identity, on_wait: Callable[[], None]
) -> AsyncIterator[None]:
    """Be the only one who changes a package; `on_wait` is called once if somebody else does now."""
    fd = store.lock_file(identity, "install")
    try:
        await _wait(lambda: try_exclusive(fd), on_wait)
        yield
    finally:
        os.close(fd)


async def _wait(attempt: Callable[[], bool], on_wait: Callable[[], None]) -> None:
    """Until the lock is ours. Its owner's death frees it, so there is no limit."""
    if attempt():
        return
    on_wait()
    while not attempt():  # noqa: ASYNC110  (another process holds it: there is no event)
        await trio.sleep(_PAUSE_S)
