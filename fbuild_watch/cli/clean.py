"""`fbuild clean`."""

from __future__ import annotations

from pathlib import Path

import click

from fbuild_watch.cli.common import environment_option, project_argument


@click.command("clean")
@project_argument
@environment_option
def command(project: Path, environment: str | None) -> None:
    """Remove what was built in PROJECT: one environment's outputs, or all. History is kept."""
    from fbuild_watch import project as projects
    from fbuild_watch.outputs import OUTPUTS, remove_outputs

    folder = project / OUTPUTS / "build"
    if environment is not None:
        folder = projects.load(project, environment).build_dir
        if OUTPUTS not in folder.parts:
            click.echo(f"{folder} is not fbuild's: its own build program cleans it", err=True)
            return
    remove_outputs(folder)
    click.echo(f"removed {folder}", err=True)
