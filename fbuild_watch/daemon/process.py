"""The user's one process: one tree of tasks, from the lock to the last client.

    server      answers on the endpoint
    rooms       one loop for each watched project
    visitors    ports that only consoles have
    log         its file, if it runs in the background
    signals     the one orderly end

Rules
- It runs while its first project's console does, or, in the background, until it is told to end, or
  until it watches nothing any more of what it was started for.
- The end: loops leave, each after its write; ports are given back; the socket is removed; the lock
  goes with the process. A second signal says what is waited for.
- An error of one project, or of one port, ends that one, and is told; the others go on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import trio

from fbuild_watch import __version__
from fbuild_watch.api.launch import is_older
from fbuild_watch.app import Settings
from fbuild_watch.control import endpoint
from fbuild_watch.control.connection import Secrets
from fbuild_watch.control.listen import listening
from fbuild_watch.control.lock import Held
from fbuild_watch.control.messages import PROTOCOL, Hello, Status, Welcome
from fbuild_watch.control.news import Bytes, Item, Started, Stopped, Text
from fbuild_watch.control.server import Server
from fbuild_watch.control.wire_errors import to_wire
from fbuild_watch.daemon import convert, signals
from fbuild_watch.daemon.boards import Boards
from fbuild_watch.daemon.log import Log
from fbuild_watch.daemon.requests import Requests
from fbuild_watch.daemon.room import Room
from fbuild_watch.daemon.turns import Turns
from fbuild_watch.daemon.work import Work
from fbuild_watch.errors import FbuildError, RuntimeFolderUnsafe
from fbuild_watch.fanout import Fanout
from fbuild_watch.feed import Console


@dataclass(frozen=True, slots=True)
class Options:
    """How a process runs."""

    defect: Callable[[Exception], FbuildError]
    """Makes an error of what nobody expected."""
    control: str | None = None
    """`unix`, `tcp` or `tcp:PORT` (see `endpoint.choose`)."""
    log: Path | None = None
    interactive: bool = False
    """Whether a person sits at the first project's console."""


async def run(
    held: Held, options: Options, first: Settings | None, console: Console | None
) -> None:
    """Be the process that has the lock. Raises what `console` raises, and ProjectError for `first`."""
    await Process(held, options).run(first, console)


class Process:
    """The owner of everything."""

    def __init__(self, held: Held, options: Options) -> None:
        self.boards = Boards(self._projects_changed)
        self.work = Work(self.boards, self._end_if_unused)
        self.events: Fanout[tuple[str, Item]] = Fanout(convert.weight, kept=0)
        self.log = Log(options.log)
        self.defect = options.defect
        self.nursery: trio.Nursery
        self._held = held
        self._options = options
        self._endpoint = ""
        self._for_projects = False
        self._stopping = trio.Event()
        self._serving, self._served = trio.CancelScope(), trio.Event()
        self._turns: Turns[str] = Turns()
        self._server: Server

    async def run(self, first: Settings | None, console: Console | None) -> None:
        """Until the first project's console returns, or the process is told to end."""
        folder = self._held.folder
        async with (
            listening(folder, self._options.control) as (listener, where),
            trio.open_nursery() as self.nursery,
        ):
            token = endpoint.make_token(folder) if where.kind == "tcp" else None
            welcome = Welcome(PROTOCOL, __version__, os.getpid())
            secrets = Secrets(welcome, token, self._step_down)
            self._server = Server(Requests(self).handlers, secrets, self.defect)
            await self.nursery.start(signals.listen, self._told_to_end)
            self.nursery.start_soon(self.log.run)
            self.nursery.start_soon(self._serve, listener)
            self._endpoint = str(where)
            await self._live(first, console)
            await self._leave()
            self.nursery.cancel_scope.cancel()

    async def _live(self, first: Settings | None, console: Console | None) -> None:
        if first is None:
            self._publish()
            await self._stopping.wait()
            return
        room = self._room(first)
        async with self._turns.at(room.project):
            await room.load()
            self.boards.add(room)
        if console is not None:
            await self._run_room(room, console)
            return
        self._for_projects = True
        self.nursery.start_soon(self._run_beside, room)
        await self._stopping.wait()

    async def _serve(self, listener: trio.SocketListener) -> None:
        """Until `_serving` is cancelled, and what its requests have begun to write is proven."""
        try:
            with self._serving:
                await self._server.run(listener)
        finally:
            self._served.set()

    async def _leave(self) -> None:
        """Have all end that may be in the middle of a write, while signals are still heard."""
        self.stop()
        for room in tuple(self.boards.rooms.values()):
            await room.ended.wait()
        self._serving.cancel()
        await self._served.wait()

    def _told_to_end(self) -> None:
        """A signal has come: end; if another one had come before, say what is waited for."""
        if self._stopping.is_set():
            self._say_what_is_waited_for()
        self.stop()

    def stop(self) -> None:
        """End in good order."""
        self._stopping.set()
        for room in self.boards.rooms.values():
            room.quit()

    def is_idle(self, *, askers: int) -> bool:
        """Whether nothing is watched, nothing under way, and nobody connected but who asks."""
        unused = not self.boards.rooms and not self.work.busy
        return unused and len(self._server.clients) <= askers

    def _step_down(self, hello: Hello) -> bool:
        """End for a newer client that does not speak our protocol, if nobody else uses us."""
        if not is_older(__version__, hello.version) or not self.is_idle(askers=0):
            return False
        self.stop()
        return True

    def _end_if_unused(self) -> None:
        """`watch --detach` was for its projects: with the last one, and what is under way, it ends."""
        if self._for_projects and not self.boards.rooms and not self.work.busy:
            self.stop()

    def status(self) -> Status:
        """What runs."""
        return Status(
            pid=os.getpid(),
            version=__version__,
            started_at=self._held.info.started_at,
            endpoint=self._endpoint,
            projects=[room.status() for room in self.boards.rooms.values()],
            clients=self._server.clients,
            busy=list(self.work.busy),
            log=str(self.log.path) if self.log.path else None,
        )

    # -- projects -----------------------------------------------------------------------

    async def watch(self, settings: Settings) -> None:
        """Watch a project from now on, unless it is. Raises ProjectError."""
        room = self._room(settings)
        async with self._turns.at(room.project):  # the second of two who ask at once finds it
            if room.project in self.boards.rooms or self._stopping.is_set():
                return
            await room.load()
            if self._stopping.is_set():
                return
            self.boards.add(room)
            self.nursery.start_soon(self._run_beside, room)

    def _room(self, settings: Settings) -> Room:
        folder = Path(os.path.realpath(settings.project_dir))
        return Room(replace(settings, project_dir=folder), self._happened)

    async def _run_room(self, room: Room, console: Console | None) -> None:
        self._happened(room.project, Started())
        error: FbuildError | None = None
        try:
            await room.run(console, interactive=console is not None and self._options.interactive)
        except FbuildError as failed:
            error = failed
            raise
        finally:
            self.boards.remove(room)
            room.ended.set()
            self._happened(room.project, Stopped(to_wire(error) if error else None))

    async def _run_beside(self, room: Room) -> None:
        """A project beside the first: its error is told, and ends nobody else."""
        try:
            await self._run_room(room, None)
        except FbuildError as error:
            self.log.say(room.project, f"-- {error}")
        except Exception as error:
            self.log.say(room.project, f"-- {self.defect(error)}")

    # -- telling ------------------------------------------------------------------------

    def _happened(self, project: str, item: Item) -> None:
        self.log.add(project, item)
        if not isinstance(item, Bytes | Text):
            self.events.send((project, item))

    def _projects_changed(self) -> None:
        try:
            self._publish()
        except RuntimeFolderUnsafe as error:  # who looks for us finds us by what was said before
            self.log.say("fbuild", f"-- {error}")
        self._end_if_unused()

    def _publish(self) -> None:
        """Where we are, for those who look for us; not before we answer."""
        if self._endpoint:
            self._held.publish(endpoint=self._endpoint, projects=tuple(self.boards.rooms))

    def _say_what_is_waited_for(self) -> None:
        writing = [room.port.name for room in self.boards.rooms.values() if room.writing]
        what = [f"the write to {port} to be proven" for port in writing] + self.work.busy
        print(f"waiting for {', '.join(what) or 'the end'}", file=sys.stderr)
