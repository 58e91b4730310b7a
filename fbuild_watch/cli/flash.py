"""`fbuild flash`: once, without the loop. Its JSON is a contract (docs/json.md)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fbuild_watch.cli.common import environment_option, port_option, project_argument, run_async
from fbuild_watch.cli.target import (
    BoardJob,
    image_options,
    json_option,
    wanted_image,
)
from fbuild_watch.cli.target import report as report_outcome

if TYPE_CHECKING:
    from fbuild_watch.model import OperationResult


def _mac(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    from fbuild_watch.project.reaching import mac

    try:
        return mac(value) if value is not None else None
    except ValueError as error:
        raise click.BadParameter(f"{error}, such as 7c:df:a1:00:00:01") from error


@click.command("flash")
@project_argument
@environment_option
@port_option
@image_options
@click.option(
    "--mac", metavar="MAC", callback=_mac, help="Refuse any board but the one with this MAC."
)
@click.option(
    "--reset",
    default="auto",
    show_default=True,
    metavar="METHOD",
    help="How the board is brought into its bootloader: auto, tight, classic, usb-jtag, none, "
    "or steps such as D0|R1|W0.1|D1|R0|W0.05|D0.",
)
@json_option
def command(
    project: Path,
    environment: str | None,
    port: str | None,
    images: tuple[str, ...],
    no_build: bool,
    mac: str | None,
    reset: str,
    as_json: bool,
) -> int:
    """Build PROJECT, ask the board what it holds, write only what differs, and prove it.

    A board of a family that esptool does not know is written by its core's own program.
    """

    def there(job: BoardJob) -> OperationResult:
        from fbuild_watch.api import asks
        from fbuild_watch.cli import running

        def ask(port: str | None) -> asks.Ask[OperationResult]:
            where = (project, environment, port, running.placed(images))
            return asks.flash(*where, build=not no_build, mac=mac, reset=reset)

        return running.ask_of_board(job, port, ask)

    def here(job: BoardJob) -> OperationResult:
        from fbuild_watch import results
        from fbuild_watch.board.approach import of_project
        from fbuild_watch.board.decoding import keep_elf
        from fbuild_watch.board.oneshot import deliver

        wanted = wanted_image(project, environment, images, no_build)
        name = job.choose(port, wanted.settings)
        report = run_async(
            deliver,
            wanted.image,
            name,
            of_project(wanted.settings).but(mac=mac, reset=reset),
            listener=job.listener(),
        )
        keep_elf(wanted.settings, wanted.image)
        return results.with_phases(results.of_report(report), wanted.phases)

    return report_outcome(here, there, _say, as_json)


def _say(result: OperationResult) -> None:
    from fbuild_watch import words
    from fbuild_watch.model import RegionReport

    for region in result.regions:
        assert isinstance(region, RegionReport)
        count = region.sectors_written
        sectors = f", {count} sector{'s' if count > 1 else ''}" if count else ""
        click.echo(f"{words.place(region)}  {region.state}{sectors}")
    click.echo(f"{result.message}; {words.phases(result.phases)}", err=True)
