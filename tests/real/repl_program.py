"""The interactive console in front of a made-up board: HISTORY, LOG, lines a second, a mishap.

The board echoes what it is sent and prompts with `>>> `. What the console gives back is in LOG.
"""

from __future__ import annotations

import math
import signal
import sys
from pathlib import Path

import trio

from fbuild_watch.console.repl import run_repl
from fbuild_watch.model import (
    Command,
    ConsoleInput,
    ConsoleItem,
    DeviceBytes,
    DeviceText,
    Notice,
    Status,
    Typed,
)


class MadeUpBoard:
    def __init__(self, log: Path, rate: int) -> None:
        self._send, self.items = trio.open_memory_channel[ConsoleItem](math.inf)
        self._log = log
        self._rate = rate

    async def talk(self) -> None:
        self._send.send_nowait(Status("made-up board"))
        self._send.send_nowait(Notice("flashed app", "good"))
        self.say(">>> ")
        number = 0
        while self._rate:
            for _ in range(self._rate // 100):
                self.say(f"\x1b[32mline {number}\x1b[0m", complete=True)
                number += 1
            await trio.sleep(0.01)

    def say(self, text: str, *, complete: bool = False) -> None:
        now = trio.current_time()
        self._send.send_nowait(DeviceBytes((text + "\r\n" * complete).encode(), now))
        self._send.send_nowait(DeviceText(text, complete, now))

    async def listen(self, inputs: trio.MemoryReceiveChannel[ConsoleInput]) -> None:
        async for given in inputs:
            with self._log.open("a") as log:
                log.write(f"{given!r}\n")
            if isinstance(given, Typed):
                self.say(given.data.decode().rstrip(), complete=True)
                self.say(">>> ")
            if given == Typed(b"\x01"):
                raise RuntimeError("a defect, at a key")
            if given == Command("reset"):
                self._send.close()
            if given == Command("flash"):
                self._send.send_nowait(Notice("flashed app 3 sectors in 0.4 s, build 1f3a", "good"))


async def main(history: str, log: str, rate: str, mishap: str) -> None:
    board = MadeUpBoard(Path(log), int(rate))
    inputs, given = trio.open_memory_channel[ConsoleInput](0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(board.listen, given)
        nursery.start_soon(board.talk)
        nursery.start_soon(end_on_sigterm, nursery.cancel_scope)
        if mishap == "raise":
            nursery.start_soon(go_wrong)
        await run_repl(board.items, inputs, history=Path(history))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def end_on_sigterm(work: trio.CancelScope) -> None:
    """As the command line does."""
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            work.cancel()


async def go_wrong() -> None:
    await trio.sleep(1)
    raise RuntimeError("a defect somewhere else")


if __name__ == "__main__":
    import trio.testing

    trio.run(main, *sys.argv[1:])
