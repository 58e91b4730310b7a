"""`fbuild read`: what the flash holds, into a file."""

from __future__ import annotations

import re
from pathlib import Path

import click

from fbuild_watch.cli.common import environment_option, port_option, project_argument
from fbuild_watch.cli.progress import FlashProgress
from fbuild_watch.cli.target import BoardJob, settings_of

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20}


def _bytes(_ctx: click.Context, _param: click.Parameter, value: str) -> int:
    """A number of bytes: decimal, 0x..., with K or M behind it."""
    match = re.fullmatch(r"(0[xX][0-9a-fA-F]+|[0-9]+)([kKmM]?)", value)
    if match is None:
        raise click.BadParameter(f"{value!r} is not a number such as 0x8000, 24K or 1M")
    digits, unit = match[1], match[2].lower()
    return int(digits, 16 if digits[:2].lower() == "0x" else 10) * _UNITS[unit]


@click.command("read")
@click.argument("offset", callback=_bytes)
@click.argument("size", callback=_bytes)
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@project_argument
@environment_option
@port_option
def command(
    offset: int, size: int, file: Path, project: Path, environment: str | None, port: str | None
) -> None:
    """Read SIZE bytes from OFFSET of the board's flash into FILE.

    The bytes are held against a digest of the device. PROJECT gives the port, if there is a project.
    """

    def there(job: BoardJob) -> str:
        from fbuild_watch.api import asks
        from fbuild_watch.cli import running

        meant = running.board_meant(job, project, environment, port)
        return running.ask_of_board(
            job,
            meant.port,
            lambda port: asks.read(offset, size, file, meant.project, environment, port),
        )

    def here(job: BoardJob) -> str:
        from fbuild_watch import flash
        from fbuild_watch.system.files import write_for_user

        settings = settings_of(project, environment)
        name = job.choose(port, settings)
        data = job.visit(lambda line, listener: flash.read(line, offset, size, listener), settings)
        write_for_user(file, data)
        return name

    with FlashProgress() as progress, BoardJob(progress).reached() as job:
        name = job.do(here, there)
    click.echo(f"{file}: {size:,} bytes from {offset:#x} of the board on {name}", err=True)
