"""`fbuild flash` and `fbuild console` without the loop: one board, once."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import trio

from fbuild_watch import flash, tool_upload, words
from fbuild_watch.app import Console
from fbuild_watch.board_commands import obey
from fbuild_watch.board_port import BoardPort
from fbuild_watch.errors import PortError
from fbuild_watch.feed import Feed
from fbuild_watch.model import (
    Command,
    ConsoleInput,
    FlashReport,
    Image,
    Notice,
    Typed,
    UploadReport,
)
from fbuild_watch.serial import open_port

T = TypeVar("T")


async def flash_once(
    image: Image,
    port: str,
    *,
    write_baud: int,
    run_baud: int,
    listener: flash.Listener,
    memory: flash.BoardMemory | None = None,
    mac: str | None = None,
    reset: str = "auto",
) -> FlashReport:
    """Bring the board on `port` up to date and leave it running, with the port closed.

    `memory`, `mac` and `reset` are `flash.flash`'s. Cancelling ends it before the first erase. Raises PortError, FlashError, ImageError.
    """
    opened = await open_port(port, run_baud)
    try:
        return await flash.flash(
            opened.blocking(),
            image,
            name=port,
            modem_lines=opened.has_modem_lines,
            write_baud=write_baud,
            run_baud=run_baud,
            listener=listener,
            memory=memory,
            mac=mac,
            reset=reset,
        )
    finally:
        with trio.CancelScope(shield=True):
            await opened.aclose()


async def deliver(
    image: Image, port: str, *, listener: flash.Listener, **how: Any
) -> FlashReport | UploadReport:
    """Bring `image` to the board on `port`, through esptool or by the core's own program.

    `how` is `flash_once`'s; the core's program has its own. Raises PortError, FlashError, ImageError.
    """
    if image.upload is not None:
        return await tool_upload.upload(image.upload, port, listener)
    return await flash_once(image, port, listener=listener, **how)


async def visit(
    operation: Callable[[flash.Line, flash.Listener], Awaitable[T]],
    port: str,
    *,
    write_baud: int,
    run_baud: int,
    listener: flash.Listener,
) -> T:
    """Open `port` for one of the operations of `flash`, and close it. Raises as the operation does."""
    opened = await open_port(port, run_baud)
    modem_lines = opened.has_modem_lines
    line = flash.Line(opened.blocking(), port, modem_lines, write_baud, run_baud)
    try:
        return await operation(line, listener)
    finally:
        with trio.CancelScope(shield=True):
            await opened.aclose()


async def restart(port: str) -> None:
    """Restart the firmware of the board on `port`. Raises PortError."""
    opened = await open_port(port, flash.ROM_BAUD)
    try:
        await opened.reset()
    finally:
        with trio.CancelScope(shield=True):
            await opened.aclose()


async def talk(port: str, baud: int, console: Console) -> None:
    """Connect `console` to the board on `port` until the console returns.

    The port is opened before the console starts, so a port that is not there is an error; one that
    goes away later is waited for. The board is not reset. Raises PortError, ConsoleError.
    """
    feed = Feed()
    enter, inputs = trio.open_memory_channel[ConsoleInput](math.inf)
    board = BoardPort(feed.show, baud)
    await board.open(port)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_keep_reading, board, port, feed.tell)
            nursery.start_soon(board.send_typed)
            nursery.start_soon(_obey, board, inputs, feed.tell)
            await console(feed.items, enter)
            nursery.cancel_scope.cancel()
    finally:
        await board.aclose()


async def _keep_reading(board: BoardPort, port: str, tell: Callable[[Notice], None]) -> None:
    while True:
        try:
            await board.read()
        except PortError as error:
            tell(words.failed(error))
            await board.find(lambda: port, tell)
            tell(words.board_back())


async def _obey(
    board: BoardPort,
    inputs: trio.MemoryReceiveChannel[ConsoleInput],
    tell: Callable[[Notice], None],
) -> None:
    async for given in inputs:
        match given:
            case Typed(data):
                board.type(data)
            case Command("quit"):
                return
            case Command() as command:
                await obey(board, command, tell)
