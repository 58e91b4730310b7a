"""What clients ask of a board besides build, flash and verify: reset, erase, read, who is there."""

from __future__ import annotations

from pathlib import Path

import trio

from fbuild_watch import flash, image
from fbuild_watch.board.approach import Approach
from fbuild_watch.board.survey import survey
from fbuild_watch.control.connection import Call
from fbuild_watch.control.messages import (
    EraseAsked,
    Nothing,
    Ports,
    PortsAsked,
    ReadAsked,
    ReadDone,
    ResetAsked,
)
from fbuild_watch.daemon.board import as_before, unknown
from fbuild_watch.daemon.boards import Boards
from fbuild_watch.daemon.work import Work, listener
from fbuild_watch.model import Device, EraseReport
from fbuild_watch.system.files import write_for_user


class Operations:
    """They share `work`'s ways to a board."""

    def __init__(self, work: Work, boards: Boards) -> None:
        self._work = work
        self._boards = boards

    async def reset(self, call: Call) -> Nothing:
        """`reset`."""
        asked: ResetAsked = call.params
        settings = await self._work.settings(asked)
        if asked.bootloader:
            await self._work.visit(call, settings, flash.enter_bootloader, "restarting")
        else:
            port = await self._work.port(asked.project, asked.port, settings)
            await self._boards.reset(port, call.client)
        return Nothing()

    async def erase(self, call: Call) -> EraseReport:
        """`erase`."""
        asked: EraseAsked = call.params
        settings = await self._work.settings(asked)

        async def operation(line: flash.Line, told: flash.Listener) -> EraseReport:
            return await flash.erase(line, image.chosen_ranges(line.name, asked.names), told)

        return await self._work.visit(call, settings, operation, "erasing", leaves=unknown)

    async def read(self, call: Call) -> ReadDone:
        """`read`. The file is written here, where the bytes are: they may be many."""
        asked: ReadAsked = call.params
        settings = await self._work.settings(asked)
        port = ""

        async def operation(line: flash.Line, told: flash.Listener) -> bytes:
            nonlocal port
            port = line.name
            return await flash.read(line, asked.offset, asked.size, told)

        data = await self._work.visit(call, settings, operation, "reading")
        await trio.to_thread.run_sync(write_for_user, Path(asked.file), data)
        return ReadDone(port)

    async def ports(self, call: Call) -> Ports:
        """`ports`. Those that we have are asked like any other: we can lend them."""
        asked: PortsAsked = call.params

        async def identify(port: str) -> Device:
            return await self._boards.visit(
                port,
                flash.identify,
                Approach(),
                listener=listener(call),
                leaves=as_before,
                who=call.client,
            )

        return Ports(await survey(identify if asked.probe else None))
