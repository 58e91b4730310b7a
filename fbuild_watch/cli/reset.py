"""`fbuild reset`."""

from __future__ import annotations

from pathlib import Path

import click

from fbuild_watch.cli.common import (
    choose_port,
    environment_option,
    port_option,
    project_argument,
    run_async,
)
from fbuild_watch.cli.progress import FlashProgress
from fbuild_watch.cli.target import BoardJob, settings_of


@click.command("reset")
@project_argument
@environment_option
@port_option
@click.option("--bootloader", is_flag=True, help="Into the ROM bootloader, and leave it there.")
def command(project: Path, environment: str | None, port: str | None, bootloader: bool) -> None:
    """Restart the board. PROJECT gives the port, if there is a project."""
    from fbuild_watch import flash
    from fbuild_watch.cli import running
    from fbuild_watch.oneshot import restart

    client = running.client() if not bootloader else None
    if client is not None:
        with client:
            watched = running.watched(client, project, environment) if port is None else None
            if watched is None:
                port = _port(project, environment, port)
            client.reset(watched or project, environment, port=port)
        click.echo("the board was restarted", err=True)
        return
    settings = settings_of(project, environment)
    with FlashProgress() as progress:
        job = BoardJob(progress)
        name = job.choose(port, settings)
        if bootloader:
            job.visit(flash.enter_bootloader, settings)
        else:
            run_async(restart, name)
    where = "is in its bootloader" if bootloader else "was restarted"
    click.echo(f"the board on {name} {where}", err=True)


def _port(project: Path, environment: str | None, named: str | None) -> str:
    settings = settings_of(project, environment) if named is None else None
    return choose_port(named, settings.upload_port or settings.monitor_port if settings else None)
