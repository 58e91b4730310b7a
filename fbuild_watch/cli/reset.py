"""`fbuild reset`."""

from __future__ import annotations

from pathlib import Path

import click

from fbuild_watch.cli.common import environment_option, port_option, project_argument, run_async
from fbuild_watch.cli.progress import FlashProgress
from fbuild_watch.cli.target import BoardJob, settings_of


@click.command("reset")
@project_argument
@environment_option
@port_option
@click.option("--bootloader", is_flag=True, help="Into the ROM bootloader, and leave it there.")
def command(project: Path, environment: str | None, port: str | None, bootloader: bool) -> None:
    """Restart the board. PROJECT gives the port, if there is a project."""

    def there(job: BoardJob) -> str:
        from fbuild_watch.api import asks
        from fbuild_watch.cli import running

        meant = running.board_meant(job, project, environment, port)
        running.ask_of_board(
            job,
            meant.port,
            lambda port: asks.reset(meant.project, environment, port, bootloader=bootloader),
        )
        return meant.where

    def here(job: BoardJob) -> str:
        from fbuild_watch import flash
        from fbuild_watch.board.oneshot import restart

        settings = settings_of(project, environment)
        name = job.choose(port, settings)
        if bootloader:
            job.visit(flash.enter_bootloader, settings)
        else:
            run_async(restart, name)
        return f"on {name}"

    with FlashProgress() as progress, BoardJob(progress).reached() as job:
        where = job.do(here, there)
    is_now = "is in its bootloader" if bootloader else "was restarted"
    click.echo(f"the board {where} {is_now}", err=True)
