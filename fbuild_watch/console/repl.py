"""The console for a person: output above, a line to type in below that output never disturbs.

prompt_toolkit is an asyncio program, so it has a thread and a loop of its own; trio keeps the main
thread and the signals. This module is imported late, for prompt_toolkit takes 0.1 s. Items go over
through a `Backlog`, what is typed comes back through trio's token. The terminal is
`terminal.Terminal`; here is the bridge.
"""

from __future__ import annotations

import math
import time
from pathlib import Path

import trio

from fbuild_watch.console.backlog import Backlog
from fbuild_watch.console.commands import Local
from fbuild_watch.console.local import do
from fbuild_watch.console.options import DEFAULT, Options
from fbuild_watch.console.plugins import Plugins
from fbuild_watch.console.session import Clocks, Session
from fbuild_watch.console.terminal import Terminal
from fbuild_watch.model import ConsoleInput, ConsoleItem

_LAST_WORDS = 1.0
"""Seconds that what was typed last may take to be passed on after the terminal is given back."""


async def run_repl(
    items: trio.MemoryReceiveChannel[ConsoleItem],
    inputs: trio.MemorySendChannel[ConsoleInput],
    *,
    history: Path,
    options: Options = DEFAULT,
) -> None:
    """Show `items` and send what the person does to `inputs`, until quit is asked or `items` end.

    `history` is the file of what was sent before, `options` how it starts. The terminal is as before
    afterwards, whatever happens. Quit is sent to `inputs` as well; a terminal that goes away counts
    as quit.
    """
    send, typed = trio.open_memory_channel[ConsoleInput](math.inf)
    token = trio.lowlevel.current_trio_token()
    session = Session(
        _clocks(),
        give=lambda given: token.run_sync_soon(send.send_nowait, given),
        options=options,
        plugins=Plugins(),
    )
    if options.log:
        do(session, Local("log", ("on",)))
    terminal = Terminal(session, history)
    async with trio.open_nursery() as passing:
        passing.start_soon(_pass_on, typed, inputs)
        with send:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_show, items, session.backlog, terminal)
                nursery.start_soon(_stop_when_cancelled, terminal)
                nursery.start_soon(_have_terminal, terminal, nursery.cancel_scope)
        passing.cancel_scope.deadline = trio.current_time() + _LAST_WORDS


def _clocks() -> Clocks:
    """trio's clock, for a thread that is not trio's."""
    ahead = trio.current_time() - time.perf_counter()
    return Clocks(lambda: time.perf_counter() + ahead, time.time() - trio.current_time())


async def _show(
    items: trio.MemoryReceiveChannel[ConsoleItem], backlog: Backlog, terminal: Terminal
) -> None:
    async for item in items:
        backlog.add(item)
    terminal.stop()


async def _have_terminal(terminal: Terminal, work: trio.CancelScope) -> None:
    """A task of its own: a KeyboardInterrupt goes to a task that can be interrupted."""
    await trio.to_thread.run_sync(terminal.run)
    work.cancel()


async def _pass_on(
    typed: trio.MemoryReceiveChannel[ConsoleInput], inputs: trio.MemorySendChannel[ConsoleInput]
) -> None:
    try:
        async for given in typed:
            await inputs.send(given)
    except trio.BrokenResourceError:
        return  # nobody takes it any more: whoever made the channel is ending


async def _stop_when_cancelled(terminal: Terminal) -> None:
    """The terminal's thread is never abandoned: it has the terminal to restore."""
    try:
        await trio.sleep_forever()
    finally:
        terminal.stop()
