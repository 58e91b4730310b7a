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
    from fbuild_watch.cli.faces import choose_console
    from fbuild_watch.control.guests import Guest
    from fbuild_watch.oneshot import talk

    with running.process_or_guest(stays=shown.timeout is None) as found:
        watched = None
        if not isinstance(found, Guest) and port is None:
            watched = running.watched(found, project, environment)
        if watched is None:
            configured, speed = _settings(project, environment)
            port, baud = choose_port(port, configured), baud or speed
        if isinstance(found, Guest):
            assert port is not None
            assert baud is not None
            console = choose_console(project, shown, environment=environment)
            with found.port(port, running.say_waiting):
                run_async(talk, port, baud, console)
            return
    attach.talk_to(project=watched or project, port=port, baud=baud, shown=shown)


def _settings(project: Path, environment: str | None) -> tuple[str | None, int]:
    """monitor_port and monitor_speed; a console needs no project."""
    from fbuild_watch import flash
    from fbuild_watch.cli.target import settings_of

    settings = settings_of(project, environment)
    if settings is None:
        return None, flash.ROM_BAUD
    return settings.monitor_port or settings.upload_port, settings.monitor_speed
