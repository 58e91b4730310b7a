"""All boards of the process: those of watched projects, those with a console, and any other port.

Whoever wants a port goes through here, so that nobody in the process fights over one: a port that
a loop or a console has is borrowed from it, another one is opened for the visit.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TypeVar

import trio

from fbuild_watch import flash, words
from fbuild_watch.board import oneshot, tool_upload
from fbuild_watch.board.approach import Approach
from fbuild_watch.board.port import Operation
from fbuild_watch.daemon.board import Board, Leaves, build
from fbuild_watch.daemon.room import Room
from fbuild_watch.daemon.turns import Turns
from fbuild_watch.daemon.visitor import Defect, Visitor
from fbuild_watch.errors import NotWatched
from fbuild_watch.model import Environment, UploadRecipe, UploadReport

T = TypeVar("T")

Entered = tuple[Board, Callable[[], None]]
"""A board that one has come to read, and what is called when that one goes."""


class Boards:
    """Projects by folder, ports by name."""

    def __init__(self, changed: Callable[[], None], own: Board | None = None) -> None:
        """`changed` is called when a project comes or goes; `own` is here from the start."""
        self._own = [own] if own is not None else []
        self.rooms: dict[str, Room] = {}
        self._visitors: dict[str, Visitor] = {}
        self._turns: Turns[str] = Turns()
        self._memory = flash.BoardMemory()
        """Of boards that no project remembers."""
        self._changed = changed

    def add(self, room: Room) -> None:
        """A project is watched."""
        self.rooms[room.project] = room
        self._changed()

    def remove(self, room: Room) -> None:
        """It is no more."""
        self.rooms.pop(room.project, None)
        self._changed()

    def room(self, project: str) -> Room:
        """A watched project. Raises NotWatched."""
        found = self.rooms.get(os.path.realpath(project))
        if found is None:
            raise NotWatched(project, list(self.rooms))
        return found

    def at(self, port: str) -> Board | None:
        """The board whose port is open here under this name, or another one of the same device."""
        boards: list[Board] = [*self._own, *self.rooms.values(), *self._visitors.values()]
        device = _device(port)
        for board in boards:
            if board.port.name and _device(board.port.name) == device:
                return board
        return None

    async def visit(
        self,
        port: str,
        operation: Operation[T],
        way: Approach,
        *,
        listener: flash.Listener,
        leaves: Leaves[T],
        who: str,
    ) -> T:
        """Do something with a board for `who`; it holds the build then that `leaves` says."""
        async with self._turns.at(_device(port)):
            board = self.at(port)
            if board is None:
                return await oneshot.visit(
                    operation, port, replace(way, memory=way.memory or self._memory),
                    listener=listener,
                )  # fmt: skip

        async def on_lent(line: flash.Line, told: flash.Listener) -> T:
            result = await operation(way.on(line), told)
            if (said := words.visited(result, leaves(result, None), who)) is not None:
                board.tell(said)  # before anything that the board says then
            return result

        return await board.lend(
            lambda lent: lent.visit(on_lent, way.write_baud, listener), leaves=leaves
        )

    async def upload(
        self, port: str, recipe: UploadRecipe, listener: flash.Listener, *, leaves: str, who: str
    ) -> UploadReport:
        """Have a core's own program write the build `leaves`. Raises FlashError, PortError."""
        async with self._turns.at(_device(port)):
            board = self.at(port)
            if board is None:
                return await tool_upload.upload(recipe, port, listener)
        report = await board.lend(lambda way: way.upload(recipe, listener), leaves=build(leaves))
        if (said := words.visited(report, leaves, who)) is not None:
            board.tell(said)
        return report

    async def reset(self, port: str, who: str) -> None:
        """Restart a board. Raises PortError."""
        async with self._turns.at(_device(port)):
            board = self.at(port)
            if board is None:
                await oneshot.restart(port)
                return
        board.tell(words.restarted(who))
        await board.port.reset()

    async def talk(
        self,
        port: str,
        baud: int,
        settings: Environment | None,
        defect: Defect,
        task_status: trio.TaskStatus[Entered],
    ) -> None:
        """Have a port open for consoles until the last one leaves; the first one has entered.

        Raises PortError, before it is open.

        `settings`: those of the project whose board it is, if the first console names one.
        """
        turn = _device(port)
        async with AsyncExitStack() as stack:
            async with self._turns.at(turn):
                if (board := self.at(port)) is not None:
                    task_status.started(enter(board))  # somebody was quicker
                    return
                visitor = Visitor(port, baud, settings)
                await stack.enter_async_context(visitor.opened(defect))
                self._visitors[port] = visitor
            task_status.started(enter(visitor))
            try:
                while True:
                    await visitor.wait_until_left()
                    async with self._turns.at(turn):
                        if not visitor.stays():
                            del self._visitors[port]
                            await stack.aclose()
                            return
            finally:  # also when it has failed
                if self._visitors.get(port) is visitor:
                    del self._visitors[port]


def enter(board: Board) -> Entered:
    """For one who reads it. A project goes on without readers."""
    return board, board.enter() if isinstance(board, Visitor) else lambda: None


def _device(port: str) -> str:
    """The same for all names of a port: a device may have links to it."""
    return port if "://" in port else os.path.realpath(port)
