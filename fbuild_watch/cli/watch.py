"""`fbuild watch`."""

from __future__ import annotations

from pathlib import Path

import click

from fbuild_watch.cli.common import (
    console_options,
    environment_option,
    port_option,
    project_argument,
    run_async,
)


@click.command("watch")
@project_argument
@environment_option
@port_option
@console_options
def command(
    project: Path,
    environment: str | None,
    port: str | None,
    expect: tuple[str, ...],
    fail: tuple[str, ...],
    timeout: float | None,
) -> None:
    """Build PROJECT, flash it, show the board's output; again each time a file is saved.

    Without a board it builds, and waits for one. On a terminal the console is interactive
    (Ctrl-] leaves, Ctrl-T h helps); elsewhere it prints plain lines.
    """
    from fbuild_watch.control import lock

    with lock.hold(project):
        from fbuild_watch import app
        from fbuild_watch.cli.faces import choose_console

        console = choose_console(
            project, expect=expect, fail=fail, timeout=timeout, from_proof=True
        )
        named = port or _asked_port(project, environment)
        run_async(app.run, app.Settings(project, environment, named), console)


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
