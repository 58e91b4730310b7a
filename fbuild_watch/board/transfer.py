"""Sending a file to a board: as it is, with pauses, or by XMODEM and YMODEM.

It runs where the port is. A protocol has the port to itself meanwhile; a file that is sent as it is
goes the way of what is typed, and what the board says to it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import trio

from fbuild_watch.board.port import PIECE, BoardPort
from fbuild_watch.errors import TransferFailed
from fbuild_watch.serial import Port
from fbuild_watch.serial.modem import ABORT, Dialogue, Protocol, Read, Refused, Write, send

PROTOCOLS: tuple[str, ...] = ("raw", *get_args(Protocol))
"""`raw:SECONDS` pauses so long after each line."""

MOST_BYTES = 64 << 20
"""Of a file that is sent: no board takes more in a day, and a device such as /dev/zero has no end."""

Progress = Callable[[int, int], None]
"""Is told how many bytes of how many the board has."""


async def send_file(port: BoardPort, path: Path, protocol: str, progress: Progress) -> None:
    """Send the file `path`; returns when the board has it, as far as the protocol tells.

    Cancelled, the receiver is told. Raises TransferFailed, PortError.
    """
    data = await _read(path, protocol)
    kind, _, pause = protocol.partition(":")
    if kind == "raw":
        await _send_raw(port, data, _seconds(path, protocol, pause), progress)
    elif protocol in get_args(Protocol):
        await _send_by(protocol, port, path, data, progress)  # type: ignore[arg-type]
    else:
        raise TransferFailed(
            str(path), protocol, f"{protocol!r} is no protocol", f"one of {', '.join(PROTOCOLS)}"
        )


async def _read(path: Path, protocol: str) -> bytes:
    try:
        data = await trio.to_thread.run_sync(_at_most, path, MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # a NUL in its name
        reason = getattr(error, "strerror", None) or "it cannot be read"
        raise TransferFailed(str(path), protocol, reason, "name a file that is there") from error
    if len(data) > MOST_BYTES:
        reason = f"it is larger than {MOST_BYTES:,} bytes"
        raise TransferFailed(str(path), protocol, reason, "send it in parts")
    return data


def _at_most(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        return file.read(size)


def _seconds(path: Path, protocol: str, text: str) -> float:
    try:
        seconds = float(text or 0)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 60:
        hint = "write the pause after each line in seconds: raw:0.05"
        raise TransferFailed(str(path), protocol, f"{text!r} is no pause", hint)
    return seconds


# --- as it is ------------------------------------------------------------------------------


async def _send_raw(port: BoardPort, data: bytes, pause: float, progress: Progress) -> None:
    done = 0
    async with port.typing_alone() as write:
        for piece in _lines(data) if pause else _pieces(data):
            await write(piece)
            done += len(piece)
            progress(done, len(data))
            await trio.sleep(pause)


def _lines(data: bytes) -> Iterator[bytes]:
    for line in data.splitlines(keepends=True):
        yield from _pieces(line)


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), PIECE):
        yield data[start : start + PIECE]


# --- by a protocol -------------------------------------------------------------------------


async def _send_by(
    protocol: Protocol, board: BoardPort, path: Path, data: bytes, progress: Progress
) -> None:
    async def transfer(port: Port) -> None:
        try:
            await _play(send(protocol, path.name, data), port, board.last_byte, len(data), progress)
        except Refused as error:
            await port.send_all(ABORT)
            hint = "start the receiver on the board (rx, rb, loady), then send again"
            raise TransferFailed(str(path), protocol, str(error), hint) from error
        except trio.Cancelled:
            with trio.move_on_after(1, shield=True):
                await port.send_all(ABORT)
            raise

    await board.borrow("transfer", transfer)
    progress(len(data), len(data))


async def _play(
    dialogue: Dialogue, port: Port, heard: bytes, total: int, progress: Progress
) -> None:
    """Carry out what the dialogue asks for.

    `heard` is what the console got last: a receiver that runs already has begun there, and may not
    say so again for ten seconds.
    """
    answer: bytes | None = None
    received = bytearray(heard)
    try:
        while True:
            match dialogue.send(answer):
                case Write(data, done):
                    received.clear()  # an answer comes after its question
                    await port.send_all(data)
                    progress(done, total)
                    answer = None
                case Read(seconds):
                    answer = await _next_byte(port, received, seconds)
    except StopIteration:
        return


async def _next_byte(port: Port, received: bytearray, seconds: float) -> bytes | None:
    if not received:
        with trio.move_on_after(seconds):
            received += await port.receive_some()
    if not received:
        return None
    byte = bytes(received[:1])
    del received[:1]
    return byte
