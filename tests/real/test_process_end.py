"""The end of the process, told more than once: a write is proven first, and that is said."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import trio

from fbuild_watch import AsyncDaemon
from tests.real.conftest import ServedBoard
from tests.real.program import fbuild

ERASED = b"\xff" * 4096


async def until_written(board: ServedBoard, offset: int) -> None:
    with trio.fail_after(60):
        while board.flash(offset, 4096) == ERASED:
            await trio.sleep(0.02)


async def until(running: bool) -> None:
    with trio.fail_after(30):
        while (await AsyncDaemon().status() is not None) != running:
            await trio.sleep(0.02)


async def test_signals_are_heard_until_a_clients_write_is_proven(
    tmp_path: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board(timing="real")
    content = os.urandom(60_000)
    (tmp_path / "big.bin").write_bytes(content)
    write = ("flash", "--image", f"0x200000={tmp_path / 'big.bin'}", "--port", board.url)
    async with fbuild("serve", env=env) as process:
        await until(running=True)
        async with fbuild(*write, env=env):
            await until_written(board, 0x200000)
            process.signal(signal.SIGINT)
            await until(running=False)  # no request is taken any more; the write goes on
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                process.signal(number)
                await process.see(f"^waiting for flashing {board.url} for ")
            assert await process.ended() == 0
    assert board.flash(0x200000, len(content)) == content


async def test_signals_are_heard_until_the_loops_write_is_proven(
    project: Path, env: dict[str, str], virtual_board: Callable[..., ServedBoard]
) -> None:
    board = virtual_board(timing="real")
    numbers = ",".join(str(number) for number in os.urandom(60_000))
    (project / "src" / "large.cpp").write_text(
        f"extern const unsigned char large[] = {{{numbers}}};\n"
        "const unsigned char *volatile used = large;\n"
    )
    blink = project / "src" / "blink.cpp"
    blink.write_text("extern const unsigned char *volatile used;\n" + blink.read_text())
    async with fbuild("watch", str(project), "--port", board.url, env=env) as watch:
        await until_written(board, 0x10000)
        watch.signal(signal.SIGTERM)
        watch.signal(signal.SIGINT)
        await watch.see(f"^waiting for the write to {board.url} to be proven")
        assert await watch.ended() == 0
    built = (project / ".fbuild" / "build" / "devkit" / "firmware.bin").read_bytes()
    assert board.flash(0x10000, len(built)) == built
