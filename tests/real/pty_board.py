"""A board behind a pseudo-terminal: what a device in /dev is to a program, without hardware."""

from __future__ import annotations

import os
import pty
import select
import tty
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread


class Pty:
    """The board's end of a pty whose other end is a device in /dev."""

    def __init__(self) -> None:
        self.fd, board = pty.openpty()
        tty.setraw(self.fd)
        self.device = os.ttyname(board)
        os.close(board)
        self.heard = bytearray()
        self.leaving = False

    def say(self, data: bytes) -> None:
        """Blocks while nobody reads."""
        while data:
            data = data[os.write(self.fd, data) :]

    def hear(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += os.read(self.fd, count - len(data))
        return data

    def unplug(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


@contextmanager
def answering(answers: Mapping[bytes, bytes]) -> Iterator[Pty]:
    """A board that says something to each line that it knows, and keeps all that it heard."""
    board = Pty()
    thread = Thread(target=_answer, args=(board, answers))
    thread.start()
    try:
        yield board
    finally:
        board.leaving = True
        thread.join(5)
        board.unplug()


def _answer(board: Pty, answers: Mapping[bytes, bytes]) -> None:
    line = b""
    while not board.leaving:
        if not select.select([board.fd], [], [], 0.05)[0]:
            continue
        try:
            data = os.read(board.fd, 4096)
        except OSError:  # nobody has the device open
            continue
        board.heard += data
        *lines, line = (line + data).split(b"\r\n")
        for one in lines:
            board.say(answers.get(one, b""))
