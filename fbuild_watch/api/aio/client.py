"""The client for programs with an event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Self, TypeVar

import anyio

from fbuild_watch.api import asks
from fbuild_watch.api.aio.link import Link, connect
from fbuild_watch.api.asks import AnyPath, Ask, Images
from fbuild_watch.api.exchange import OnProgress, ignore
from fbuild_watch.control.messages import Logs, PortStatus, Status, Welcome
from fbuild_watch.control.news import StreamItem, StreamLost
from fbuild_watch.errors import ControlLost, TimedOut
from fbuild_watch.model import OperationResult

T = TypeVar("T")


class AsyncClient:
    """Asks the running process. An async context manager; connects when first used.

    Every method takes `timeout` in seconds (None: none) and raises the FbuildError that the process
    raised, NotRunning, ControlLost or TimedOut. A request that is left half way is cancelled there;
    a flash that has begun to write is finished.
    """

    def __init__(self, name: str = "") -> None:
        """`name`: who asks, in words that others see."""
        self._name = name
        self._link: Link | None = None

    async def build(
        self,
        project: AnyPath = ".",
        environment: str | None = None,
        *,
        clean: bool = False,
        on_progress: OnProgress = ignore,
        timeout: float | None = None,
    ) -> OperationResult:
        """Build an environment; `regions` are the image's. Raises ProjectError, BuildError."""
        return await self.ask(asks.build(project, environment, clean), timeout, on_progress)

    async def flash(
        self,
        project: AnyPath | None = None,
        environment: str | None = None,
        *,
        port: str | None = None,
        images: Images = (),
        build: bool = True,
        mac: str | None = None,
        reset: str = "auto",
        on_progress: OnProgress = ignore,
        timeout: float | None = None,
    ) -> OperationResult:
        """Bring a board up to date, by default after a build, and prove it.

        `images`: (offset in bytes, file) pairs, in place of a project. `mac` refuses any other
        board; `reset` is how it is brought into its bootloader, as `fbuild flash --reset` takes it.
        Raises ProjectError, BuildError, ImageError, PortError, FlashError.
        """
        ask = asks.flash(project, environment, port, images, build=build, mac=mac, reset=reset)
        return await self.ask(ask, timeout, on_progress)

    deploy = flash
    """build + flash, under the name that other tools have for it."""

    async def verify(
        self,
        project: AnyPath | None = None,
        environment: str | None = None,
        *,
        port: str | None = None,
        images: Images = (),
        build: bool = True,
        on_progress: OnProgress = ignore,
        timeout: float | None = None,
    ) -> OperationResult:
        """Ask a board whether it holds the image. Raises FlashDiffers, and as `flash` does."""
        ask = asks.verify(project, environment, port, images, build=build)
        return await self.ask(ask, timeout, on_progress)

    async def reset(
        self,
        project: AnyPath | None = None,
        environment: str | None = None,
        *,
        port: str | None = None,
        bootloader: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Restart a board's firmware, or bring it into its bootloader, where it stays.

        The board is that of `project` (by default the folder we are in), or the one on `port`.
        Raises PortError, and FlashError for the bootloader.
        """
        await self.ask(asks.reset(project, environment, port, bootloader=bootloader), timeout)

    async def erase(
        self,
        project: AnyPath | None = None,
        environment: str | None = None,
        *,
        port: str | None = None,
        names: Sequence[str] = (),
        on_progress: OnProgress = ignore,
        timeout: float | None = None,
    ) -> OperationResult:
        """Erase the partitions that are called so, by default the whole flash, and prove it.

        The names are those of the board's own partition table; `regions` are what was erased.
        Raises PortError, FlashError.
        """
        ask = asks.erase(project, environment, port, names)
        return await self.ask(ask, timeout, on_progress)

    async def read(
        self,
        offset: int,
        size: int,
        file: AnyPath,
        project: AnyPath | None = None,
        environment: str | None = None,
        *,
        port: str | None = None,
        on_progress: OnProgress = ignore,
        timeout: float | None = None,
    ) -> str:
        """Read `size` bytes from `offset` of a board's flash into `file`; the port they came from.

        Raises PortError, FlashError, FileUnwritable.
        """
        ask = asks.read(offset, size, file, project, environment, port)
        return await self.ask(ask, timeout, on_progress)

    async def status(self, *, timeout: float | None = 10.0) -> Status:
        """What runs."""
        return await self.ask(asks.status(), timeout)

    async def ports(self, *, probe: bool = False, timeout: float | None = 60.0) -> list[PortStatus]:
        """The serial ports of this machine; `probe` asks the boards who they are: it restarts them."""
        return await self.ask(asks.ports(probe=probe), timeout)

    async def logs(self, lines: int = 100, *, timeout: float | None = 10.0) -> Logs:
        """The end of the log of a process in the background."""
        return await self.ask(asks.logs(lines), timeout)

    async def watch(
        self,
        project: AnyPath = ".",
        environment: str | None = None,
        *,
        port: str | None = None,
        timeout: float | None = 30.0,
    ) -> None:
        """Build, flash and show this project from now on, each time a file is saved."""
        await self.ask(asks.watch(project, environment, port), timeout)

    async def unwatch(self, project: AnyPath = ".", *, timeout: float | None = 120.0) -> None:
        """Watch it no more; waits for a write. Raises NotWatched."""
        await self.ask(asks.unwatch(project), timeout)

    async def pause(
        self, project: AnyPath = ".", *, paused: bool = True, timeout: float | None = 10.0
    ) -> None:
        """Let edits wait (or, with `paused` False, no more)."""
        await self.ask(asks.pause(project, paused), timeout)

    async def shutdown(self, *, only_if_idle: bool = False, timeout: float | None = 10.0) -> bool:
        """End the process in good order. Whether it will: see `only_if_idle`."""
        return await self.ask(asks.shutdown(only_if_idle=only_if_idle), timeout)

    async def events(
        self, *, timeout: float | None = None
    ) -> AsyncGenerator[StreamItem | StreamLost, None]:
        """Everything that happens to any project, but for what boards say, from now on.

        An async generator: who leaves it early closes it (`contextlib.aclosing`).

        Over a connection of its own. Ends with the process; raises TimedOut when nothing happens
        for `timeout` seconds.
        """
        async with await connect(self._name) as link, aclosing(link.news(timeout)) as coming:
            await link.ask(asks.events())
            async for news in coming:
                yield news

    async def follow_logs(
        self, lines: int = 100, *, timeout: float | None = None
    ) -> AsyncGenerator[str, None]:
        """The end of the log, and each line that comes, as `events` does it."""
        async with await connect(self._name) as link, aclosing(link.news(timeout)) as coming:
            for line in (await link.ask(asks.logs(lines, follow=True))).lines:
                yield line
            async for news in coming:
                yield asks.log_line(news)

    async def welcome(self) -> Welcome:
        """The version and the pid of the process."""
        return (await self._connected()).welcome

    async def aclose(self) -> None:
        """Disconnect."""
        if self._link is not None:
            await self._link.aclose()
            self._link = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.aclose()

    async def ask(self, ask: Ask[T], timeout: float | None, on_progress: OnProgress = ignore) -> T:
        """Send any request of `asks`."""
        link = await self._connected()
        try:
            exchange = link.wire.request(ask.method, ask.params, ask.kind, on_progress)
            return ask.convert(await link.run(exchange, timeout, ask.method))
        except (ControlLost, TimedOut, anyio.get_cancelled_exc_class()):
            with anyio.CancelScope(shield=True):
                await self.aclose()  # what comes now would be the answer to nothing
            raise

    async def _connected(self) -> Link:
        if self._link is None:
            self._link = await connect(self._name)
        return self._link
