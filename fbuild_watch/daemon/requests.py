"""What each request of a client means to the process. What takes a board's time is in `work`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from msgspec import structs

from fbuild_watch import flash, project
from fbuild_watch.app import Settings
from fbuild_watch.control import protocol
from fbuild_watch.control.connection import Call, Handler
from fbuild_watch.control.messages import (
    AttachAsked,
    Attached,
    CommandAsked,
    Logs,
    LogsAsked,
    Nothing,
    Opened,
    PauseAsked,
    ProjectAsked,
    ShutdownAnswer,
    ShutdownAsked,
    Status,
    StreamAsked,
    WatchAsked,
    WriteAsked,
)
from fbuild_watch.control.outbox import Stream
from fbuild_watch.daemon.board import Attachment, attach
from fbuild_watch.daemon.boards import Entered, enter
from fbuild_watch.daemon.environment import in_their_clients
from fbuild_watch.daemon.operations import Operations
from fbuild_watch.errors import FbuildError, InvalidRequest
from fbuild_watch.model import Command, Environment

if TYPE_CHECKING:
    from fbuild_watch.daemon.process import Process


class Requests:
    """The handlers of one process."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Method -> what carries it out."""
        work = self._process.work
        operations = Operations(work, self._process.boards)
        handlers: dict[str, Handler] = {
            "status": self.status,
            "ports": operations.ports,
            "logs": self.logs,
            "shutdown": self.shutdown,
            "build": work.build,
            "flash": work.flash,
            "verify": work.verify,
            "reset": operations.reset,
            "erase": operations.erase,
            "read": operations.read,
            "watch.start": self.watch_start,
            "watch.stop": self.watch_stop,
            "watch.pause": self.watch_pause,
            "attach": self.attach,
            "write": self.write,
            "release": self.release,
            "command": self.command,
            "events": self.events,
            "detach": self.detach,
        }
        return in_their_clients(handlers)

    # -- the process --------------------------------------------------------------------

    async def status(self, _call: Call) -> Status:
        """What runs."""
        return self._process.status()

    async def logs(self, call: Call) -> Logs:
        """The last lines, and those that come."""
        asked: LogsAsked = call.params
        log = self._process.log
        stream = None
        if asked.follow:
            lines = log.followers.subscribe()
            stream = call.open(Stream(lines, lambda: log.followers.drop(lines)))
        return Logs(str(log.path) if log.path else None, log.last(asked.lines), stream)

    async def shutdown(self, call: Call) -> ShutdownAnswer:
        """End, in good order."""
        asked: ShutdownAsked = call.params
        if asked.only_if_idle and not self._process.is_idle(askers=1):
            return ShutdownAnswer(False)
        self._process.stop()
        return ShutdownAnswer(True)

    # -- watching -----------------------------------------------------------------------

    async def watch_start(self, call: Call) -> Nothing:
        """Watch a project, in its client's environment from now on. One that is watched already
        stays as it is.
        """
        asked: WatchAsked = call.params
        await self._process.watch(Settings(Path(asked.project), asked.environment, asked.port))
        return Nothing()

    async def watch_stop(self, call: Call) -> Nothing:
        """Watch it no more; a write is finished first."""
        asked: ProjectAsked = call.params
        room = self._process.boards.room(asked.project)
        room.quit()
        await room.ended.wait()
        return Nothing()

    async def watch_pause(self, call: Call) -> Nothing:
        """Let edits wait."""
        asked: PauseAsked = call.params
        self._process.boards.room(asked.project).app.pause(asked.paused)
        return Nothing()

    # -- streams ------------------------------------------------------------------------

    async def events(self, call: Call) -> Opened:
        """All that happens, but for what boards say."""
        events = self._process.events
        subscription = events.subscribe()
        return Opened(call.open(Stream(subscription, lambda: events.drop(subscription))))

    async def attach(self, call: Call) -> Attached:
        """A console on a board."""
        asked: AttachAsked = call.params
        board, left = await self._board(asked)
        try:
            stream, attached = attach(board, asked, call.client, left)
        except BaseException:
            left()
            raise
        return structs.replace(attached, stream=call.open(stream))

    async def _board(self, asked: AttachAsked) -> Entered:
        """The one on a port, opened if need be; else that of a watched project."""
        boards, nursery = self._process.boards, self._process.nursery
        if asked.port is None:
            if asked.project is None:
                raise InvalidRequest("it names no project and no port", protocol.INVALID_PARAMS)
            return enter(boards.room(asked.project))
        if (board := boards.at(asked.port)) is not None:
            return enter(board)
        baud = asked.baud or flash.ROM_BAUD
        settings = await _settings(asked.project)
        defect = self._process.defect
        entered: Entered = await nursery.start(boards.talk, asked.port, baud, settings, defect)
        return entered

    async def write(self, call: Call) -> Nothing:
        """Bytes for a board."""
        asked: WriteAsked = call.params
        _attachment(call, asked.stream).type(asked.data)
        return Nothing()

    async def release(self, call: Call) -> Nothing:
        """No more will be written: somebody else may."""
        asked: StreamAsked = call.params
        _attachment(call, asked.stream).release()
        return Nothing()

    async def command(self, call: Call) -> Nothing:
        """A console's command."""
        asked: CommandAsked = call.params
        if asked.name == "quit":  # it would end the project for all
            raise InvalidRequest("a client leaves by detach", protocol.INVALID_PARAMS)
        _attachment(call, asked.stream).command(Command(asked.name, tuple(asked.arguments)))
        return Nothing()

    async def detach(self, call: Call) -> Nothing:
        """End a stream."""
        asked: StreamAsked = call.params
        call.stream(asked.stream)
        call.streams.close(asked.stream)
        return Nothing()


async def _settings(folder: str | None) -> Environment | None:
    """Those of a project, whose ELFs a panic is decoded with; a broken one has none."""
    try:
        return await trio.to_thread.run_sync(project.load, Path(folder)) if folder else None
    except FbuildError:
        return None


def _attachment(call: Call, number: int) -> Attachment:
    subject = call.stream(number).subject
    if not isinstance(subject, Attachment):
        raise InvalidRequest(f"stream {number} is no console", protocol.INVALID_PARAMS)
    return subject
