"""`fbuild build`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fbuild_watch import standing
from fbuild_watch.cli.common import (
    environment_option,
    project_argument,
    run_async,
    wants_colours,
)
from fbuild_watch.model import BuildPlan, BuildReport, ForeignPlan

if TYPE_CHECKING:
    from fbuild_watch.api.sync.client import Client
    from fbuild_watch.build import SizeReport
    from fbuild_watch.pipeline import Pipeline


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

    plain = not (merged or explain or size)
    if plain and not release and (client := running.client()) is not None:
        _build_there(client, project, environment)
        return
    if plain and (kept := standing.recall(project, environment, release=release)) is not None:
        for slip in kept.slips:
            click.echo(slip, err=True)
        _echo(kept.said)
        return
    _build_here(project, environment, merged=merged, release=release, explain=explain, size=size)


def _build_here(
    project: Path,
    environment: str | None,
    *,
    merged: bool,
    release: bool,
    explain: bool,
    size: bool,
) -> None:
    from fbuild_watch.cli.progress import BuildProgress
    from fbuild_watch.pipeline import Pipeline

    pipeline = Pipeline(project, environment, release=release)
    with BuildProgress(explain=explain) as progress:
        pipeline.say = progress.say
        pipeline.colours = wants_colours(sys.stderr)
        pipeline.on_package = progress.show_package
        report = run_async(pipeline.build, on_event=progress.show)
    if explain and isinstance(pipeline.plan, ForeignPlan):
        click.echo("another program builds this project: it alone knows why", err=True)
    elif explain and not report.reasons:
        click.echo("nothing has changed since the last build", err=True)
    _echo(_report(pipeline.plan, report))
    if merged:
        from fbuild_watch.image import write_merged

        path = write_merged(report.image, pipeline.environment.build_dir)
        click.echo(f"{path.name:12} {0:#8x} {path.stat().st_size:9,} bytes")
    if size:
        _show_sizes(run_async(pipeline.sizes))
    keep_standing(project, environment, pipeline, report, release=release)


def keep_standing(
    project: Path,
    environment: str | None,
    pipeline: Pipeline,
    report: BuildReport,
    *,
    release: bool = False,
) -> None:
    """Remember that there is nothing to do now, and what there is to say of that."""
    from fbuild_watch.project.memory import LOOKS

    plan, grounds = pipeline.plan, pipeline.grounds()
    if isinstance(plan, BuildPlan) and grounds is not None:
        slips, said = pipeline.slips(plan), list(_report(plan, report))
        standing.keep(project, environment, slips, said, plan, LOOKS, grounds, release=release)


def _echo(lines: Iterable[standing.Said]) -> None:
    for line in lines:
        click.echo(line.text, err=line.to_stderr)


def _report(plan: BuildPlan | ForeignPlan | None, report: BuildReport) -> Iterator[standing.Said]:
    """What a build used and made."""
    assert plan is not None
    yield from _used(plan)
    for region in report.image.regions:
        yield standing.Said(f"{region.name:12} {region.offset:#8x} {region.size:9,} bytes")
    own = plan.environment.build_dir
    outputs = own if own.is_dir() else plan.environment.project_dir  # of another program
    yield standing.Said(f"build {report.image.build_id} in {outputs}", to_stderr=True)


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


def _used(plan: BuildPlan | ForeignPlan) -> Iterator[standing.Said]:
    """What was taken for this build, for much of it is found unasked (to stderr), and what it made."""
    if not isinstance(plan, BuildPlan):
        return
    words = [("core", plan.core), ("compiler", plan.toolchain)]
    words += [("library", library) for library in plan.libraries]
    for kind, text in words:
        yield standing.Said(f"{kind:12} {text}", to_stderr=True)
    for path in plan.artifacts:
        yield standing.Said(f"{path.name:21} {path.stat().st_size:9,} bytes")
