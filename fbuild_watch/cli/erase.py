"""`fbuild erase`: the whole flash, or named regions of the board's own partition table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    from fbuild_watch.model import Device, OperationResult, Range


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

    def do(job: BoardJob) -> OperationResult:
        from fbuild_watch import flash, results

        settings = settings_of(project, environment)
        name = job.choose(port, settings)
        if not yes:
            _ask(", ".join(names) or "the whole flash", name)
        report = job.visit(
            lambda line, listener: flash.erase(line, _chosen(name, names), listener), settings
        )
        return results.of_report(report)

    return report_outcome(do, _say, as_json)


def _ask(what: str, port: str) -> None:
    if not is_interactive():
        raise NotConfirmed(f"erasing {what} of the board on {port}")
    click.confirm(f"erase {what} of the board on {port}? it cannot be undone", abort=True, err=True)


def _chosen(
    port: str, names: Sequence[str]
) -> Callable[[Callable[[int, int], bytes], Device], Sequence[Range]]:
    from fbuild_watch import image

    def choose(read: Callable[[int, int], bytes], device: Device) -> Sequence[Range]:
        if names:
            return image.named_ranges(read, port, names)
        return [image.whole_flash(device, port)]

    return choose


def _say(result: OperationResult) -> None:
    from fbuild_watch import words
    from fbuild_watch.model import Range

    for part in result.regions:
        assert isinstance(part, Range)
        click.echo(f"{words.place(part)}  erased")
    click.echo(f"{result.message}; {words.phases(result.phases)}", err=True)
