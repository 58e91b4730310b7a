"""`fbuild build`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fbuild_watch.cli.common import (
    environment_option,
    project_argument,
    run_async,
    wants_colours,
)
from fbuild_watch.model import BuildPlan, ForeignPlan

if TYPE_CHECKING:
    from fbuild_watch.api.sync.client import Client
    from fbuild_watch.build import SizeReport


@click.command("build")
@project_argument
@environment_option
@click.option("--merged", is_flag=True, help="Also write merged.bin, all regions for offset 0.")
@click.option("--release", is_flag=True, help="The recipe as it stands, in a folder of its own.")
@click.option("--explain", is_flag=True, help="Say why each file was compiled.")
@click.option("--size", is_flag=True, help="Say what takes how much, and what changed.")
def command(
    project: Path,
    environment: str | None,
    merged: bool,
    release: bool,
    explain: bool,
    size: bool,
) -> None:
    """Compile what changed in PROJECT, link it, and make the image.

    The outputs lie in PROJECT/.fbuild/build/ENVIRONMENT, a release's in `release` below it.
    """
    from fbuild_watch.cli import running

    here = merged or release or explain or size
    if not here and (client := running.client()) is not None:
        _build_there(client, project, environment)
        return
    from fbuild_watch.cli.progress import BuildProgress
    from fbuild_watch.pipeline import Pipeline

    pipeline = Pipeline(project, environment, release=release)
    with BuildProgress(explain=explain) as progress:
        pipeline.say = progress.say
        pipeline.colours = wants_colours(sys.stderr)
        pipeline.on_package = progress.show_package
        report = run_async(pipeline.build, on_event=progress.show)
    _show_used(pipeline.plan)
    for region in report.image.regions:
        click.echo(f"{region.name:12} {region.offset:#8x} {region.size:9,} bytes")
    if merged:
        from fbuild_watch.image import write_merged

        path = write_merged(report.image, pipeline.environment.build_dir)
        click.echo(f"{path.name:12} {0:#8x} {path.stat().st_size:9,} bytes")
    if size:
        _show_sizes(run_async(pipeline.sizes))
    click.echo(f"build {report.image.build_id} in {pipeline.environment.build_dir}", err=True)


def _build_there(client: Client, project: Path, environment: str | None) -> None:
    """Have the running process build: its pipeline is warm."""
    from fbuild_watch import words
    from fbuild_watch.cli.progress import FlashProgress
    from fbuild_watch.cli.running import StepProgress
    from fbuild_watch.model import Range

    with client, FlashProgress() as progress:
        result = client.build(project, environment, on_progress=StepProgress(progress))
    for region in result.regions:
        assert isinstance(region, Range)
        click.echo(words.place(region))
    click.echo(result.message, err=True)


def _show_sizes(sizes: SizeReport | None) -> None:
    from fbuild_watch.size_table import table

    for line in table(sizes) if sizes is not None else ():
        click.echo(line)


def _show_used(plan: BuildPlan | ForeignPlan | None) -> None:
    """Say what was taken for this build, for much of it is found unasked."""
    if not isinstance(plan, BuildPlan):
        return
    words = [("core", plan.core), ("compiler", plan.toolchain)]
    words += [("library", library) for library in plan.libraries]
    for kind, text in words:
        click.echo(f"{kind:12} {text}", err=True)
    for path in plan.artifacts:
        click.echo(f"{path.name:21} {path.stat().st_size:9,} bytes")
