"""Which console a command gets: the interactive one on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fbuild_watch.cli.common import AS_USUAL, ConsoleOptions, draws, is_interactive
from fbuild_watch.errors import FbuildError
from fbuild_watch.outputs import OUTPUTS, make_folder
from fbuild_watch.system.surroundings import environ

if TYPE_CHECKING:
    import trio

    from fbuild_watch.errors import FileUnwritable
    from fbuild_watch.feed import Console, Feed
    from fbuild_watch.model import ConsoleInput, ConsoleItem


def choose_console(
    project: Path,
    shown: ConsoleOptions = AS_USUAL,
    *,
    environment: str | None = None,
    from_proof: bool = False,
    reset: bool = False,
) -> Console:
    """The console for this terminal, or for this pipe. Raises InvalidPattern, InvalidScript.

    What is for a program is plain even on a terminal.
    `environment`: whose `monitor_*` options are meant. `from_proof`: goals count for what the board
    says after it was flashed. `reset`: the board is restarted first.
    """
    interactive_one = gets_repl(shown)
    if is_interactive() and not draws() and not shown.plain:
        term = environ().get("TERM", "")
        click.echo(
            f"TERM={term} cannot move its cursor: plain lines, and none to type in", err=True
        )
    if shown.raw and not interactive_one:
        raise click.UsageError("--raw needs a terminal, and somebody at it")
    console = (
        interactive(project, environment, raw=shown.raw)
        if interactive_one
        else plain(shown, partial(_monitor, project, environment), from_proof=from_proof)
    )
    console = after_reset(console) if reset else console
    return logged(console, shown.log, times=shown.log_times) if shown.log else console


def gets_repl(shown: ConsoleOptions = AS_USUAL) -> bool:
    """Whether the console is the interactive one."""
    return is_interactive() and draws() and not shown.plain


def after_reset(console: Console) -> Console:
    """`console`, with a board that is restarted first."""
    from fbuild_watch.model import Command

    async def both(
        items: trio.MemoryReceiveChannel[ConsoleItem], inputs: trio.MemorySendChannel[ConsoleInput]
    ) -> None:
        await inputs.send(Command("reset"))
        await console(items, inputs)

    return both


def interactive(project: Path, environment: str | None = None, *, raw: bool = False) -> Console:
    """The REPL, with the project's own history and options."""
    from fbuild_watch.console.options import from_monitor, wants_vi
    from fbuild_watch.console.repl import run_repl

    monitor = _monitor(project, environment)
    options = from_monitor(
        monitor, raw=raw, vi=wants_vi(_inputrc()), colours=not environ().get("NO_COLOR")
    )

    async def console(
        items: trio.MemoryReceiveChannel[ConsoleItem], inputs: trio.MemorySendChannel[ConsoleInput]
    ) -> None:
        await run_repl(items, inputs, history=_history(project), options=options)

    return console


def _monitor(project: Path, environment: str | None) -> Mapping[str, str]:
    """The project's `monitor_*` options; none where it cannot be read, which others say."""
    from fbuild_watch.cli.target import settings_of

    try:
        settings = settings_of(project, environment)
    except FbuildError:
        return {}
    return settings.monitor if settings else {}


def _inputrc() -> str:
    """readline's init file; empty where there is none."""
    path = Path(environ().get("INPUTRC") or "~/.inputrc")
    try:
        return path.expanduser().read_text(encoding="utf-8", errors="replace")
    except (OSError, RuntimeError):
        return ""


def _history(project: Path) -> Path:
    """The project's own; the user's where there is no project, so that no folder is littered."""
    if (project / "platformio.ini").exists():
        make_folder(project / OUTPUTS)
        return project / OUTPUTS / "history"
    import platformdirs

    return platformdirs.user_state_path("fbuild", appauthor=False) / "history"


def plain(
    shown: ConsoleOptions, monitor: Callable[[], Mapping[str, str]], *, from_proof: bool = False
) -> Console:
    """Lines to stdout, words to stderr; what comes in on a piped stdin goes to the board.

    A script types alone, with the line ending of `monitor`, the project's `monitor_*` options.
    """
    import trio as _trio

    from fbuild_watch.console import printed, script
    from fbuild_watch.console.commands import EOLS
    from fbuild_watch.console.goals import Goals
    from fbuild_watch.console.headless import run_headless
    from fbuild_watch.console.options import from_monitor
    from fbuild_watch.console.output import writer
    from fbuild_watch.console.stdin import forward_stdin

    steps = None
    if shown.script:
        steps = script.load(shown.script, EOLS[from_monitor(monitor()).eol])
    goals = Goals(shown.expect, shown.fail, count=shown.count, script=steps)

    async def console(
        items: trio.MemoryReceiveChannel[ConsoleItem], inputs: trio.MemorySendChannel[ConsoleInput]
    ) -> None:
        out = writer(sys.stdout)
        show = printed.JsonLines(out) if shown.as_json else printed.Lines(out, writer(sys.stderr))
        async with _trio.open_nursery() as nursery:
            if steps is None:
                nursery.start_soon(forward_stdin, inputs)
            await run_headless(
                items, inputs, goals, show, timeout=shown.timeout, from_proof=from_proof
            )
            nursery.cancel_scope.cancel()

    return console


def logged(console: Console, path: Path, *, times: bool) -> Console:
    """`console`, with all that it shows in a file as well."""
    import time

    import trio as _trio

    from fbuild_watch import words
    from fbuild_watch.console.log import LogFile
    from fbuild_watch.feed import Feed

    async def both(
        items: trio.MemoryReceiveChannel[ConsoleItem], inputs: trio.MemorySendChannel[ConsoleInput]
    ) -> None:
        token = _trio.lowlevel.current_trio_token()
        epoch = time.time() - _trio.current_time()

        def say(error: FileUnwritable) -> None:
            token.run_sync_soon(feed.tell, words.failed(error))

        with LogFile(path, epoch=epoch, times=times, failed=say) as log:
            feed = Feed(log.add)
            async with _trio.open_nursery() as nursery:
                nursery.start_soon(_pass_on, items, feed)
                await console(feed.items, inputs)
                nursery.cancel_scope.cancel()

    return both


async def _pass_on(items: trio.MemoryReceiveChannel[ConsoleItem], feed: Feed) -> None:
    async for item in items:
        feed.put(item)
    feed.close()
