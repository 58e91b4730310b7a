"""`fbuild erase`: the whole flash, or named regions of the board's own partition table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fbuild_watch.cli.common import (
    environment_option,
    is_interactive,
    port_option,
    project_argument,
)
from fbuild_watch.cli.target import BoardJob, json_option, settings_of, yes_option
from fbuild_watch.cli.target import report as report_outcome
from fbuild_watch.errors import NotConfirmed

if TYPE_CHECKING:
    from fbuild_watch.model import OperationResult


@click.command("erase")
@project_argument
@environment_option
@port_option
@click.option(
    "--region",
    "names",
    multiple=True,
    metavar="NAME",
    help="Erase only this partition. Can be given several times. Default: the whole flash.",
)
@yes_option
@json_option
def command(
    project: Path,
    environment: str | None,
    port: str | None,
    names: tuple[str, ...],
    yes: bool,
    as_json: bool,
) -> int:
    """Erase the board's flash, or regions of it, and prove it. Cannot be undone.

    Regions have the names of the partition table that the board itself holds. PROJECT gives the
    port, if there is a project.
    """

    def there(job: BoardJob) -> OperationResult:
        from fbuild_watch.api import asks
        from fbuild_watch.cli import running

        meant = running.board_meant(job, project, environment, port)
        confirm(meant.where)
        return running.ask_of_board(
            job, meant.port, lambda port: asks.erase(meant.project, environment, port, names)
        )

    def here(job: BoardJob) -> OperationResult:
        from fbuild_watch import flash, image, results

        settings = settings_of(project, environment)
        name = job.choose(port, settings)
        confirm(f"on {name}")
        chosen = image.chosen_ranges(name, names)
        report = job.visit(lambda line, listener: flash.erase(line, chosen, listener), settings)
        return results.of_report(report)

    def confirm(board: str) -> None:
        if not yes:
            _confirm(", ".join(names) or "the whole flash", board)

    return report_outcome(here, there, _say, as_json)


def _confirm(what: str, board: str) -> None:
    if not is_interactive():
        raise NotConfirmed(f"erasing {what} of the board {board}")
    click.confirm(f"erase {what} of the board {board}? it cannot be undone", abort=True, err=True)


def _say(result: OperationResult) -> None:
    from fbuild_watch import words
    from fbuild_watch.model import Range

    for part in result.regions:
        assert isinstance(part, Range)
        click.echo(f"{words.place(part)}  erased")
    click.echo(f"{result.message}; {words.phases(result.phases)}", err=True)
