"""`fbuild flash` and `fbuild console` without the loop: one board, once."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import trio

from fbuild_watch import flash, words
from fbuild_watch.board import decoding, tool_upload
from fbuild_watch.board.approach import Approach
from fbuild_watch.board.commands import obey
from fbuild_watch.board.port import BoardPort, Operation, flash_line
from fbuild_watch.errors import ConnectionLost, PortBusy, PortError
from fbuild_watch.feed import Console, Feed
from fbuild_watch.model import (
    Command,
    ConsoleInput,
    Device,
    Environment,
    FlashReport,
    Image,
    Notice,
    Status,
    Typed,
    UploadReport,
)
from fbuild_watch.serial import Port, list_ports, open_port, whereabouts

T = TypeVar("T")


COME_BACK_S = 5.0
"""How long a board whose port went away in the middle is waited for."""

LOOK_AGAIN_S = 0.1


async def visit(
    operation: Operation[T],
    port: str,
    way: Approach,
    *,
    listener: flash.Listener,
) -> T:
    """Open `port` for one of the operations of `flash`, and close it. Raises as the operation does.

    A port that goes away in the middle and is back soon, under whatever name, is gone on with, if it
    is the same board that answers there.
    """
    met: list[Device] = []

    def meet(device: Device) -> None:
        met.append(device)
        listener.device(device)

    told = replace(listener, device=meet)
    try:
        return await _on(await open_port(port, way.run_baud), operation, way, told)
    except ConnectionLost as error:
        if not error.gone:
            raise
        listener.progress(flash.Progress("waiting for the board to come back"))
        back: Port | None = None
        try:
            back = await _found_again(port, met[-1].mac, way.run_baud)
        finally:
            if back is None:
                raise error  # noqa: TRY201 - also if somebody ends the wait: the board's state counts
    return await _on(back, operation, replace(way, mac=met[-1].mac), told)


async def _on(opened: Port, operation: Operation[T], way: Approach, listener: flash.Listener) -> T:
    """Do it on a port, and close that."""
    line = flash.Line(
        opened.blocking(),
        opened.name,
        opened.has_modem_lines,
        way.write_baud,
        way.run_baud,
        way.reset,
        way.memory,
        way.mac,
    )
    try:
        return await operation(line, listener)
    finally:
        with trio.CancelScope(shield=True):
            await opened.aclose()


async def _found_again(name: str, mac: str, baud: int) -> Port | None:
    """The port of the board with this MAC; None: it stays away."""
    with trio.move_on_after(COME_BACK_S):
        while True:
            await trio.sleep(LOOK_AGAIN_S)
            ports = await trio.to_thread.run_sync(list_ports, abandon_on_cancel=True)
            if (found := whereabouts(name, mac, ports)) is not None:
                with suppress(PortError):
                    return await open_port(found, baud)
    return None


async def deliver(
    image: Image, port: str, way: Approach, *, listener: flash.Listener
) -> FlashReport | UploadReport:
    """Bring `image` to the board on `port`, through esptool or by the core's own program.

    The core's program has its own `way`. Raises PortError, FlashError, ImageError.
    """
    if image.upload is not None:
        return await tool_upload.upload(image.upload, port, listener)

    async def operation(line: flash.Line, told: flash.Listener) -> FlashReport:
        return await flash_line(line, image, told)

    return await visit(operation, port, way, listener=listener)


async def restart(port: str) -> None:
    """Restart the firmware of the board on `port`. Raises PortError."""
    opened = await open_port(port, flash.ROM_BAUD)
    try:
        await opened.reset()
    finally:
        with trio.CancelScope(shield=True):
            await opened.aclose()


Beside = Callable[[BoardPort, Callable[[Notice], None]], Awaitable[None]]


async def _nothing(_board: BoardPort, _tell: Callable[[Notice], None]) -> None:
    """Nobody else wants the board."""


async def talk(
    port: str,
    baud: int,
    console: Console,
    *,
    settings: Environment | None = None,
    waits: bool = False,
    beside: Beside = _nothing,
) -> None:
    """Connect `console` to the board on `port` until the console returns.

    The port is opened before the console starts, so a port that is not there is an error; one that
    goes away later is waited for, and with `waits` one that another program holds. The board is not
    reset. `settings`: the project's, if there is one. `beside` runs meanwhile, with the board and
    what tells the console. Raises PortError, ConsoleError.
    """
    feed = Feed()
    enter, inputs = trio.open_memory_channel[ConsoleInput](math.inf)
    decoder = decoding.of_settings(settings, feed.tell)
    board = BoardPort(decoder.shown(feed.show), baud, settings=lambda: settings)
    try:
        await board.open(port)
    except PortBusy:
        if not waits:
            raise
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(board.keep_reading, port, feed.tell, decoder.forget)
            nursery.start_soon(board.send_typed)
            nursery.start_soon(decoder.run)
            nursery.start_soon(beside, board, feed.tell)
            obeyed = trio.Event()
            nursery.start_soon(_obey, board, port, inputs, feed, obeyed)
            await console(feed.items, enter)
            enter.close()
            await board.type_out(obeyed)
            nursery.cancel_scope.cancel()
    finally:
        await board.aclose()


async def _obey(
    board: BoardPort,
    port: str,
    inputs: trio.MemoryReceiveChannel[ConsoleInput],
    feed: Feed,
    obeyed: trio.Event,
) -> None:
    feed.set_status(_status(board, port))
    async for given in inputs:
        match given:
            case Typed(data):
                board.type(data)
            case Command("quit"):
                break
            case Command() as command:
                await obey(board, command, feed.tell)
                feed.set_status(_status(board, port))
    obeyed.set()


def _status(board: BoardPort, port: str) -> Status:
    return Status(words.port_use("console"), port=board.name or port, baud=board.baud)
