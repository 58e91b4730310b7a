"""`fbuild attach`: a console on a board of the running process."""

from __future__ import annotations

from pathlib import Path

import click

from fbuild_watch.cli.common import (
    AS_USUAL,
    ConsoleOptions,
    console_options,
    port_option,
    project_argument,
)

BACKLOG = 20
"""Items from before that a person sees; patterns count for what comes from now on."""


@click.command("attach")
@project_argument
@port_option
@click.option("--take", is_flag=True, help="Type to the board, whoever does so now.")
@click.option("--take-from", metavar="NAME", help="Type in the place of NAME, and of nobody else.")
@console_options
def command(
    project: Path,
    port: str | None,
    take: bool,
    take_from: str | None,
    shown: ConsoleOptions,
) -> int:
    """See, and type to, the board of PROJECT in the running fbuild watch.

    Without PROJECT here: the only project that it watches.
    """
    return talk_to(project=project, port=port, take=take, take_from=take_from, shown=shown)


def talk_to(
    *,
    project: Path,
    port: str | None = None,
    baud: int | None = None,
    take: bool = False,
    take_from: str | None = None,
    reset: bool = False,
    shown: ConsoleOptions = AS_USUAL,
) -> int:
    """Have a console on a board of the running process until it is left; the exit code."""
    from fbuild_watch import remote
    from fbuild_watch.api.asks import variables
    from fbuild_watch.cli import running
    from fbuild_watch.cli.common import run_async
    from fbuild_watch.cli.faces import choose_console, gets_repl
    from fbuild_watch.control.locate import locate
    from fbuild_watch.control.messages import AttachAsked
    from fbuild_watch.errors import NotRunning

    located = locate()
    if located is None:
        raise NotRunning
    folder, writer = (_own(project), None) if port else _watched(project)
    asked = AttachAsked(
        running.name(),
        folder,
        port,
        baud,
        write="if-free" if gets_repl(shown) else "when-typing",
        take_from=writer if take else take_from,
        backlog=0 if shown.plain else BACKLOG,
        variables=variables(folder),
    )
    console = choose_console(project, shown, reset=reset)
    run_async(remote.talk, located, asked, console)
    return 0


def _own(project: Path) -> str | None:
    """The folder of a project that nobody watches; None: there is none."""
    from fbuild_watch import project as projects

    return str(project) if projects.is_project(project) else None


def _watched(project: Path) -> tuple[str, str | None]:
    """The project's folder, or that of the only one; and who writes to its board."""
    from fbuild_watch.api.sync.client import Client

    with Client() as client:
        status = client.status()
    watched = {found.project: found.writer for found in status.projects}
    folder = str(project)
    if folder not in watched and len(watched) == 1:
        folder = next(iter(watched))
    return folder, watched.get(folder)
