"""`fbuild resume`."""

from __future__ import annotations

from pathlib import Path

import click

from fbuild_watch.cli.common import project_argument


@click.command("resume")
@project_argument
def command(project: Path) -> None:
    """Watch PROJECT again after `fbuild pause`; what was edited meanwhile is built.

    Without PROJECT here: the only project that is watched.
    """
    from fbuild_watch.cli import running

    folder = running.pause(project, paused=False)
    click.echo(f"{folder} is watched again", err=True)
