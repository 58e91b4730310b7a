"""`fbuild pause`."""

from __future__ import annotations

from pathlib import Path

import click

from fbuild_watch.cli.common import project_argument


@click.command("pause")
@project_argument
def command(project: Path) -> None:
    """Let edits of PROJECT wait: nothing is built until `fbuild resume`.

    Without PROJECT here: the only project that is watched.
    """
    from fbuild_watch.cli import running

    folder = running.pause(project, paused=True)
    click.echo(f"edits of {folder} wait; fbuild resume goes on", err=True)
