"""Writing to real pipes and files: whole, in order, and without stopping anybody else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio

from fbuild_watch.console.output import writer


async def test_a_reader_that_stops_stops_nobody_else() -> None:
    reader, other = os.pipe()
    text = "x" * 300_000  # more than any pipe holds
    with os.fdopen(other, "w", encoding="utf-8") as stream, os.fdopen(reader, "rb") as source:
        write = writer(stream)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write, text)
            with trio.fail_after(10):
                for _ in range(100):  # this task goes on, though the pipe is full
                    await trio.sleep(0.001)
                got = await trio.to_thread.run_sync(source.read, len(text))
        assert got == text.encode()


async def test_a_file_takes_everything(tmp_path: Path) -> None:
    with (tmp_path / "out.txt").open("w", encoding="utf-8") as stream:
        stream.write("before ")
        write = writer(stream)
        await write("now ")
        await write("ä" * 1000)
    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == "before now " + "ä" * 1000


async def test_a_reader_that_is_gone_is_a_broken_pipe() -> None:
    reader, other = os.pipe()
    os.close(reader)
    with os.fdopen(other, "w", encoding="utf-8") as stream, pytest.raises(BrokenPipeError):
        await writer(stream)("x")


async def test_a_cancelled_write_ends(tmp_path: Path) -> None:
    reader, other = os.pipe()
    with os.fdopen(other, "w", encoding="utf-8") as stream, os.fdopen(reader, "rb"):
        with trio.move_on_after(0.1) as scope:
            await writer(stream)("x" * 300_000)
        assert scope.cancelled_caught
