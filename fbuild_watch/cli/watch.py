"""`fbuild watch`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fbuild_watch.cli.common import (
    ConsoleOptions,
    console_options,
    environment_option,
    is_interactive,
    port_option,
    project_argument,
    run_async,
    wants_colours,
)
from fbuild_watch.cli.serve import control_option
from fbuild_watch.errors import LockHeld


@click.command("watch")
@project_argument
@environment_option
@port_option
@control_option
@click.option("--detach", is_flag=True, help="In the background: see fbuild attach, stop, logs.")
@console_options
def command(
    project: Path,
    environment: str | None,
    port: str | None,
    control: str | None,
    detach: bool,
    shown: ConsoleOptions,
) -> int:
    """Build PROJECT, flash it, show the board's output; again each time a file is saved.

    Without a board it builds, and waits for one. On a terminal the console is interactive
    (Ctrl-] leaves, Ctrl-T h helps); elsewhere it prints plain lines.
    """
    if detach and (shown.plain or shown.raw or shown.log):
        raise click.UsageError(
            "--detach shows no output: what is about it (--expect, --log ...) is for attach"
        )
    if detach:
        from fbuild_watch.cli import serve

        return serve.start(project, environment, port, control)
    from fbuild_watch.cli import running
    from fbuild_watch.control import lock

    running.make_way()
    try:
        with lock.hold(project, on_wait=running.say_waiting) as held:
            _say_doubts(held.folder)
            from fbuild_watch import daemon
            from fbuild_watch.app import Settings
            from fbuild_watch.cli.crash import as_internal_error
            from fbuild_watch.cli.faces import choose_console, gets_repl

            console = choose_console(project, shown, environment=environment, from_proof=True)
            interactive = gets_repl(shown)
            port = port or _asked_port(project, environment)
            colours = interactive and wants_colours(sys.stdout)
            first = Settings(project, environment, port, colours=colours)
            options = daemon.Options(as_internal_error, control, interactive=interactive)
            run_async(daemon.run, held, options, first, console)
    except LockHeld as lost:
        return _join(project, lost, shown)
    return 0


def _join(project: Path, lost: LockHeld, shown: ConsoleOptions) -> int:
    """Another one runs: on a terminal, and if it watches this project, offer to attach to it."""
    from fbuild_watch.control import info
    from fbuild_watch.control.runtime import runtime_dir

    found = info.read(runtime_dir())
    if not is_interactive() or found is None or str(project) not in found.projects:
        raise lost
    click.echo(f"{lost}", err=True)
    if not click.confirm("attach to it?", default=True, err=True):
        return lost.exit_code
    from fbuild_watch.cli import attach

    return attach.talk_to(project=project, shown=shown)


def _say_doubts(folder: Path) -> None:
    from fbuild_watch.control.runtime import network_file_system

    if kind := network_file_system(folder):
        click.echo(
            f"{folder} lies on a network file system ({kind}): a watch on another machine may not "
            "see this one; FBUILD_RUNTIME_DIR can name a local folder",
            err=True,
        )


def _asked_port(project: Path, environment: str | None) -> str | None:
    """With several boards and none configured, a person is asked once; a script is refused."""
    from fbuild_watch import project as projects
    from fbuild_watch.cli.common import choose_port
    from fbuild_watch.errors import PortNotFound

    settings = projects.load(project, environment)
    if settings.upload_port or settings.monitor_port:
        return None  # read from the file each time a port is looked for
    try:
        return choose_port(None, None)
    except PortNotFound:
        return None  # it may be plugged in later
