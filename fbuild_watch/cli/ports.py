"""`fbuild ports`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from fbuild_watch.cli.common import run_async

if TYPE_CHECKING:
    from fbuild_watch.control.messages import PortStatus
    from fbuild_watch.model import Device

HEADINGS = ("PORT", "DESCRIPTION", "USB", "SERIAL NUMBER", "CHIP", "MAC", "HELD BY")


@click.command("ports")
@click.option("--probe", is_flag=True, help="Ask the boards who they are. This restarts them.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def command(probe: bool, as_json: bool) -> None:
    """List the serial ports, boards first, and say which process holds one.

    A chip on its own USB port says its MAC by itself; other boards have to be asked (--probe).
    What stands in the way is said too: missing rights, programs that take ports.
    """
    from fbuild_watch.serial import doctor

    ports = _probed() if probe else _seen()
    for port in ports:
        if port.problem:
            click.echo(f"{port.device}: {port.problem}", err=True)
    for remark in doctor.examine([port.device for port in ports]):
        click.echo(f"note: {remark}", err=True)
    if as_json:
        click.echo(json.dumps([_as_json(port) for port in ports], indent=2))
    elif ports:
        for line in table([HEADINGS, *(_row(port) for port in ports)]):
            click.echo(line)
    else:
        click.echo("no serial ports were found", err=True)


def _seen() -> list[PortStatus]:
    from fbuild_watch.board.survey import survey

    return run_async(survey)


def _probed() -> list[PortStatus]:
    """Asked by the running process, which has some of the ports itself, or else by us."""
    from fbuild_watch import flash
    from fbuild_watch.board.approach import Approach
    from fbuild_watch.board.oneshot import visit
    from fbuild_watch.board.survey import survey
    from fbuild_watch.cli.progress import FlashProgress
    from fbuild_watch.cli.target import BoardJob

    with FlashProgress() as progress, BoardJob(progress).reached() as job:
        if job.client is not None:
            return job.client.ports(probe=True)
        guest, listener = job.guest, job.listener()
        assert guest is not None

        async def identify(port: str) -> Device:
            with guest.port(port, wait=False):
                return await visit(flash.identify, port, Approach(), listener=listener)

        return run_async(survey, identify)


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows in columns as wide as their widest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(port: PortStatus) -> tuple[str, ...]:
    return (
        port.device,
        port.description,
        _usb(port),
        port.serial_number or "",
        port.chip or "",
        port.mac or "",
        f"pid {port.holder.pid} ({port.holder.command})" if port.holder else "",
    )


def _usb(port: PortStatus) -> str:
    if port.vid is None or port.pid is None:
        return ""
    return f"{port.vid:04x}:{port.pid:04x}"


def _as_json(port: PortStatus) -> dict[str, Any]:
    """Without the words of a probe that had no answer: they are on stderr."""
    import msgspec

    said: dict[str, Any] = msgspec.to_builtins(port)
    del said["problem"]
    return said
