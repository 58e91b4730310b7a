"""`fbuild console`."""

from __future__ import annotations

from pathlib import Path

import click

from fbuild_watch.cli.common import (
    ConsoleOptions,
    choose_port,
    console_options,
    environment_option,
    port_option,
    project_argument,
    run_async,
)


@click.command("console")
@project_argument
@environment_option
@port_option
@click.option("--baud", type=click.IntRange(min=1), help="Default: monitor_speed, else 115200.")
@console_options
def command(
    project: Path,
    environment: str | None,
    port: str | None,
    baud: int | None,
    shown: ConsoleOptions,
) -> None:
    """Talk to the board, without building or flashing. Attaching does not reset it.

    PROJECT gives the port and the speed, if there is a project.
    """
    from fbuild_watch.cli import attach, running

    if (client := running.client()) is not None:
        with client:
            watched = running.watched(client, project, environment) if port is None else None
        if watched is None:
            configured, speed = _settings(project, environment)
            port, baud = choose_port(port, configured), baud or speed
        attach.talk_to(project=watched or project, port=port, baud=baud, shown=shown)
        return
    from fbuild_watch.cli.faces import choose_console
    from fbuild_watch.oneshot import talk

    configured, speed = _settings(project, environment)
    console = choose_console(project, shown)
    run_async(talk, choose_port(port, configured), baud or speed, console)


def _settings(project: Path, environment: str | None) -> tuple[str | None, int]:
    """monitor_port and monitor_speed; a console needs no project."""
    from fbuild_watch import flash
    from fbuild_watch.cli.target import settings_of

    settings = settings_of(project, environment)
    if settings is None:
        return None, flash.ROM_BAUD
    return settings.monitor_port or settings.upload_port, settings.monitor_speed
