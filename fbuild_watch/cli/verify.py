"""`fbuild verify`: asks only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fbuild_watch.cli.common import environment_option, port_option, project_argument
from fbuild_watch.cli.target import BoardJob, image_options, json_option, wanted_image
from fbuild_watch.cli.target import report as report_outcome

if TYPE_CHECKING:
    from fbuild_watch.model import OperationResult


@click.command("verify")
@project_argument
@environment_option
@port_option
@image_options
@json_option
def command(
    project: Path,
    environment: str | None,
    port: str | None,
    images: tuple[str, ...],
    no_build: bool,
    as_json: bool,
) -> int:
    """Build PROJECT and ask the board whether it holds that. Writes nothing to the board.

    Exit code 0: it does; 57: it does not, and the regions that differ are named.
    """

    def there(job: BoardJob) -> OperationResult:
        from fbuild_watch import results
        from fbuild_watch.api import asks
        from fbuild_watch.cli import running

        def ask(port: str | None) -> asks.Ask[OperationResult]:
            where = (project, environment, port, running.placed(images))
            return asks.verify(*where, build=not no_build, convert=results.of_report)

        return running.ask_of_board(job, port, ask)

    def here(job: BoardJob) -> OperationResult:
        from fbuild_watch import flash, results

        wanted = wanted_image(project, environment, images, no_build)
        job.choose(port, wanted.settings)
        report = job.visit(
            lambda line, listener: flash.verify(line, wanted.image, listener), wanted.settings
        )
        return results.with_phases(results.of_report(report), wanted.phases)

    return report_outcome(here, there, _say, as_json)


def _say(result: OperationResult) -> None:
    from fbuild_watch import words
    from fbuild_watch.model import RegionCheck

    for region in result.regions:
        assert isinstance(region, RegionCheck)
        click.echo(f"{words.place(region)}  {region.state}")
    click.echo(f"{result.message}; {words.phases(result.phases)}", err=True)
    if result.hint:
        click.echo(f"  {result.hint}", err=True)
