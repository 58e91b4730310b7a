"""What a console asks of a board's port beside typing: a restart, its lines, its speed,
a file.

Whoever has the port carries it out: the loop, a console alone, or the running process for a console
on a port without a project. What comes of it, an error too, is told in the stream.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import trio

from fbuild_watch import flash, words
from fbuild_watch.board.port import BoardPort
from fbuild_watch.board.survey import survey
from fbuild_watch.board.transfer import send_file
from fbuild_watch.control.messages import PortHolder
from fbuild_watch.errors import FbuildError, InvalidCommand
from fbuild_watch.model import Command, Notice

Tell = Callable[[Notice], None]

_NEWS_S = 5.0
"""How often it is told how far a file is, in seconds."""


async def obey(port: BoardPort, command: Command, tell: Tell) -> None:
    """Do what is asked of a port; of anything else it is said that only a loop does it."""
    deed = DEEDS.get(command.name)
    if deed is None:
        tell(words.only_in_watch())
        return
    try:
        await deed(port, command.arguments, tell)
    except FbuildError as error:
        tell(words.failed(error))


async def _reset(port: BoardPort, _arguments: Sequence[str], _tell: Tell) -> None:
    _refuse_while_lent(port)
    await port.reset()


async def _enter_bootloader(port: BoardPort, _arguments: Sequence[str], tell: Tell) -> None:
    _refuse_while_lent(port)
    device = await port.visit(flash.enter_bootloader, flash.ROM_BAUD, flash.Listener())
    tell(words.in_bootloader(device))


async def _set_baud(port: BoardPort, arguments: Sequence[str], tell: Tell) -> None:
    text = _the_one(arguments, "a speed in bits a second")
    if not text.isdecimal() or not int(text):
        raise InvalidCommand(f"{text!r} is no speed", "write it in bits a second: 115200")
    await port.change_baud(int(text))
    tell(Notice(f"the console is at {text} baud"))


async def _set_line(
    line: Literal["dtr", "rts"], port: BoardPort, arguments: Sequence[str], tell: Tell
) -> None:
    text = _the_one(arguments, "on or off")
    if text not in ("on", "off"):
        raise InvalidCommand(f"{line.upper()} cannot be {text!r}", "on or off")
    await port.set_line(line, text == "on")
    tell(Notice(f"{line.upper()} is {text}"))


async def _send_break(port: BoardPort, _arguments: Sequence[str], tell: Tell) -> None:
    await port.send_break()
    tell(Notice("a break was sent"))


async def _send(port: BoardPort, arguments: Sequence[str], tell: Tell) -> None:
    if not 1 <= len(arguments) <= 2:
        raise InvalidCommand(
            "which file, and how?", "send FILE [raw|raw:SECONDS|xmodem|xmodem-1k|ymodem]"
        )
    path, protocol = Path(arguments[0]), arguments[1] if len(arguments) == 2 else "raw"
    _refuse_while_lent(port)
    began = told = trio.current_time()

    def progress(done: int, size: int) -> None:
        nonlocal told
        now = trio.current_time()
        if now - told >= _NEWS_S:
            told = now
            tell(Notice(f"{path.name}: {done:,} of {size:,} bytes sent"))

    await send_file(port, path, protocol, progress)
    tell(Notice(f"{path.name} was sent ({protocol}, {trio.current_time() - began:.1f} s)", "good"))


async def _show_ports(_port: BoardPort, _arguments: Sequence[str], tell: Tell) -> None:
    lines = [
        words.held_port(port.device, port.description, _words(port.holder))
        for port in await survey()
    ]
    tell(Notice("\n".join(lines) or "no serial ports were found"))


def _words(holder: PortHolder | None) -> str:
    return f"pid {holder.pid}, {holder.command}" if holder else ""


def _refuse_while_lent(port: BoardPort) -> None:
    """A write is not disturbed, and what was asked during one is not done when it is forgotten."""
    if port.lent:
        raise InvalidCommand("the board is being flashed", "ask again when that is done")


def _the_one(arguments: Sequence[str], what: str) -> str:
    if len(arguments) != 1:
        raise InvalidCommand(f"{len(arguments)} arguments where one belongs", what)
    return arguments[0]


DEEDS: dict[str, Callable[[BoardPort, Sequence[str], Tell], Awaitable[None]]] = {
    "reset": _reset,
    "bootloader": _enter_bootloader,
    "baud": _set_baud,
    "dtr": partial(_set_line, "dtr"),
    "rts": partial(_set_line, "rts"),
    "break": _send_break,
    "send": _send,
    "ports": _show_ports,
}
"""name of the command -> what carries it out, and raises FbuildError"""
