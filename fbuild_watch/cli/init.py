"""`fbuild init`."""

from __future__ import annotations

from pathlib import Path

import click

from fbuild_watch.cli.common import project_argument


@click.command("init")
@project_argument
def command(project: Path) -> None:
    """Start a project in PROJECT: the hello example for a bare ESP32-C3, whole and yours.

    Nothing that is there already is written over.
    """
    from fbuild_watch.example import copy_example

    copy_example(project)
    click.echo(f"{project} is a project now; run: fbuild watch {project}", err=True)
