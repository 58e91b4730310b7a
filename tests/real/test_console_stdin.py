"""Piped stdin: pipes, files, /dev/null, a terminal, a closed descriptor."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import IO

PROGRAM = """
import sys, trio
from fbuild_watch.console.stdin import forward_stdin
from fbuild_watch.model import InputEnded, Typed

async def main():
    send, receive = trio.open_memory_channel(0)
    got = bytearray()

    async def collect():
        async for item in receive:
            if isinstance(item, InputEnded):
                got.extend(b"|ended")
            else:
                got.extend(item.data)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect)
        with trio.move_on_after(float(sys.argv[1])):
            await forward_stdin(send)
            print("ended", file=sys.stderr)
        await send.send(Typed(b"|open"))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    sys.stdout.buffer.write(got)

import trio.testing
trio.run(main)
"""


def run(stdin: int | IO[bytes], patience: float = 10) -> tuple[bytes, bytes]:
    """What was forwarded, and what was said."""
    command = [sys.executable, "-c", PROGRAM, str(patience)]
    with subprocess.Popen(command, stdin=stdin, stdout=-1, stderr=-1) as child:
        out, words = child.communicate(timeout=20)
    assert child.returncode == 0, words
    return out, words


def test_a_pipe_goes_to_the_board_and_its_end_ends_nothing_else() -> None:
    data = bytes(range(256)) * 100
    read, write = os.pipe()
    with os.fdopen(read, "rb") as reader:
        with os.fdopen(write, "wb") as writer:
            writer.write(data)
        out, words = run(reader)
    assert out == data + b"|ended|open"
    assert b"ended" in words


def test_a_regular_file(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"from a file\n")
    with path.open("rb") as file:
        out, _ = run(file)
    assert out == b"from a file\n|ended|open"


def test_dev_null() -> None:
    out, words = run(subprocess.DEVNULL)
    assert out == b"|ended|open"
    assert b"ended" in words


def test_a_pipe_that_stays_open_does_not_keep_the_process_from_exiting() -> None:
    read, write = os.pipe()
    try:
        with os.fdopen(read, "rb") as reader:
            out, words = run(reader, patience=0.3)
    finally:
        os.close(write)
    assert out == b"|open"
    assert b"ended" not in words


def test_a_terminal_is_left_alone() -> None:
    master, slave = pty.openpty()
    try:
        os.write(master, b"typed\n")
        out, words = run(slave)
        assert out == b"|open"
        assert b"ended" in words
    finally:
        os.close(master)
        os.close(slave)


def test_a_closed_stdin() -> None:
    command = ["sh", "-c", 'exec "$0" -c "$1" 10 <&-', sys.executable, PROGRAM]
    done = subprocess.run(command, capture_output=True, timeout=20, check=True)
    assert done.stdout == b"|open"
    assert b"ended" in done.stderr
