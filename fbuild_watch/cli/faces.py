"""Which console a command gets: the interactive one on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fbuild_watch.cli.common import is_interactive
from fbuild_watch.outputs import OUTPUTS, make_folder

if TYPE_CHECKING:
    import trio

    from fbuild_watch.app import Console
    from fbuild_watch.model import ConsoleInput, ConsoleItem


def choose_console(
    project: Path,
    *,
    expect: Sequence[str] = (),
    fail: Sequence[str] = (),
    timeout: float | None = None,
    from_proof: bool = False,
) -> Console:
    """The console for this terminal, or for this pipe.

    With --expect, --fail or --timeout it is the plain one even on a terminal.
    `from_proof`: these count for what the board says after it was flashed.
    """
    if is_interactive() and not expect and not fail and timeout is None:
        return interactive(project)
    return plain(expect=expect, fail=fail, timeout=timeout, from_proof=from_proof)


def interactive(project: Path) -> Console:
    """The REPL, with the project's own history."""
    from fbuild_watch.console.repl import run_repl

    async def console(
        items: trio.MemoryReceiveChannel[ConsoleItem], inputs: trio.MemorySendChannel[ConsoleInput]
    ) -> None:
        await run_repl(items, inputs, history=_history(project))

    return console


def _history(project: Path) -> Path:
    """The project's own; the user's where there is no project, so that no folder is littered."""
    if (project / "platformio.ini").exists():
        make_folder(project / OUTPUTS)
        return project / OUTPUTS / "history"
    import platformdirs

    return platformdirs.user_state_path("fbuild", appauthor=False) / "history"


def plain(
    *, expect: Sequence[str], fail: Sequence[str], timeout: float | None, from_proof: bool
) -> Console:
    """Lines to stdout, words to stderr; what comes in on a piped stdin goes to the board."""
    import trio as _trio

    from fbuild_watch.console.headless import run_headless
    from fbuild_watch.console.output import writer
    from fbuild_watch.console.stdin import forward_stdin

    async def console(
        items: trio.MemoryReceiveChannel[ConsoleItem], inputs: trio.MemorySendChannel[ConsoleInput]
    ) -> None:
        async with _trio.open_nursery() as nursery:
            nursery.start_soon(forward_stdin, inputs)
            await run_headless(
                items,
                expect=expect,
                fail=fail,
                timeout=timeout,
                out=writer(sys.stdout),
                words=writer(sys.stderr),
                from_proof=from_proof,
            )
            nursery.cancel_scope.cancel()

    return console
