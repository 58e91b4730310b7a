"""`fbuild ports`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from fbuild_watch.errors import FbuildError

if TYPE_CHECKING:
    from fbuild_watch.model import Device
    from fbuild_watch.serial import PortInfo

HEADINGS = ("PORT", "DESCRIPTION", "USB", "SERIAL NUMBER", "CHIP", "MAC", "HELD BY")


@click.command("ports")
@click.option("--probe", is_flag=True, help="Ask the boards who they are. This restarts them.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def command(probe: bool, as_json: bool) -> None:
    """List the serial ports, boards first, and say which process holds one.

    A chip on its own USB port says its MAC by itself; other boards have to be asked (--probe).
    """
    from fbuild_watch.serial import list_ports

    ports = [_look(port, probe) for port in list_ports()]
    if as_json:
        click.echo(json.dumps([_as_json(port) for port in ports], indent=2))
    elif ports:
        for line in table([HEADINGS, *(_row(port) for port in ports)]):
            click.echo(line)
    else:
        click.echo("no serial ports were found", err=True)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A port, what is known of the board behind it, and who has it open."""

    info: PortInfo
    chip: str | None
    mac: str | None
    holder: dict[str, Any] | None


def _look(port: PortInfo, probe: bool) -> _Seen:
    from fbuild_watch.serial.holders import find_holder

    found = find_holder(port.device)
    holder = found._asdict() if found else None
    device = _probe(port.device) if probe and port.vid is not None and holder is None else None
    if device is None:
        return _Seen(port, None, port.mac, holder)
    return _Seen(port, device.chip, device.mac, holder)


def _probe(port: str) -> Device | None:
    """Who answers; one that does not is said, and is no reason to leave the others unasked."""
    from fbuild_watch import flash
    from fbuild_watch.cli.progress import FlashProgress
    from fbuild_watch.cli.target import BoardJob

    with FlashProgress() as progress:
        job = BoardJob(progress)
        job.port = port
        try:
            return job.visit(flash.identify, None)
        except FbuildError as error:
            progress.clear()
            click.echo(f"{port}: {error}", err=True)
            return None


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows in columns as wide as their widest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(port: _Seen) -> tuple[str, ...]:
    return (
        port.info.device,
        port.info.description,
        _usb(port.info),
        port.info.serial_number or "",
        port.chip or "",
        port.mac or "",
        f"pid {port.holder['pid']} ({port.holder['command']})" if port.holder else "",
    )


def _usb(port: PortInfo) -> str:
    if port.vid is None or port.pid is None:
        return ""
    return f"{port.vid:04x}:{port.pid:04x}"


def _as_json(port: _Seen) -> dict[str, Any]:
    return {**asdict(port.info), "chip": port.chip, "mac": port.mac, "holder": port.holder}
