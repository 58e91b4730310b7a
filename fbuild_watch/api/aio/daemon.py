"""Starting and ending the user's one process, for programs with an event loop."""

from __future__ import annotations

from contextlib import suppress

import anyio

from fbuild_watch import __version__
from fbuild_watch.api import launch
from fbuild_watch.api.aio.client import AsyncClient
from fbuild_watch.api.asks import AnyPath
from fbuild_watch.control import lock
from fbuild_watch.control.messages import Status, Welcome
from fbuild_watch.errors import ControlLost, NotRunning, TimedOut, VersionSkew
from fbuild_watch.processes.any_loop import run_in_any_loop

_PAUSE_S = 0.02


class AsyncDaemon:
    """The user's one process, from outside."""

    async def ensure_running(
        self, project: AnyPath | None = None, *, timeout: float = 20.0
    ) -> Welcome:
        """Start it in the background unless it runs; with `project`, have that watched.

        An older idle one steps down for us. Raises NotRunning, TimedOut, and LockHeld by a console
        that has a board to itself.
        """
        deadline = anyio.current_time() + timeout
        while True:
            with suppress(NotRunning, ControlLost):  # also one that has just died
                return await self._use_running(project)
            if anyio.current_time() > deadline:
                raise TimedOut("the start of a process", timeout)
            launch.check(await run_in_any_loop(launch.command(None)))

    async def _use_running(self, project: AnyPath | None) -> Welcome:
        """Raises NotRunning when none runs, or it has stepped down."""
        try:
            async with AsyncClient("daemon") as client:
                welcome = await client.welcome()
                older = launch.is_older(welcome.version, __version__)
                if older and await client.shutdown(only_if_idle=True):
                    raise NotRunning("an older one has stepped down")
                if project is not None:
                    await client.watch(project)
                return welcome
        except VersionSkew as skew:
            if skew.stepping_down:
                raise NotRunning("an older one steps down") from skew
            raise

    async def stop(self, *, only_if_idle: bool = False, timeout: float = 60.0) -> bool:
        """End it in good order, and wait until it is gone. False: none was running, or it stays.

        `only_if_idle`: unless a project is watched, something is under way, or anybody else is
        connected.
        """
        try:
            async with AsyncClient("daemon") as client:
                pid = (await client.welcome()).pid
                if not await client.shutdown(only_if_idle=only_if_idle):
                    return False
        except (NotRunning, ControlLost):
            return False
        except VersionSkew as skew:
            if only_if_idle and not skew.stepping_down:
                return False
            pid = launch.terminate(skew)
        deadline = anyio.current_time() + timeout
        while lock.is_held_by(pid):
            if anyio.current_time() > deadline:
                raise TimedOut("the end of the process", timeout)
            await anyio.sleep(_PAUSE_S)
        return True

    async def status(self) -> Status | None:
        """What runs; None: nothing."""
        try:
            async with AsyncClient("daemon") as client:
                return await client.status()
        except (NotRunning, ControlLost):
            return None
