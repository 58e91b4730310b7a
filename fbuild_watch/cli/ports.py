"""`fbuild ports`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fbuild_watch.serial import PortInfo

HEADINGS = ("PORT", "DESCRIPTION", "USB", "SERIAL NUMBER", "HELD BY")


@click.command("ports")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def command(as_json: bool) -> None:
    """List the serial ports, boards first, and say which process holds one."""
    from fbuild_watch.serial import list_ports

    ports = list_ports()
    if as_json:
        click.echo(json.dumps([_as_json(port) for port in ports], indent=2))
    elif ports:
        for line in table([HEADINGS, *(_row(port) for port in ports)]):
            click.echo(line)
    else:
        click.echo("no serial ports were found", err=True)


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows in columns as wide as their widest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(port: PortInfo) -> tuple[str, ...]:
    holder = _holder(port)
    return (
        port.device,
        port.description,
        _usb(port),
        port.serial_number or "",
        f"pid {holder['pid']} ({holder['command']})" if holder else "",
    )


def _usb(port: PortInfo) -> str:
    if port.vid is None or port.pid is None:
        return ""
    return f"{port.vid:04x}:{port.pid:04x}"


def _as_json(port: PortInfo) -> dict[str, Any]:
    return {**asdict(port), "holder": _holder(port)}


def _holder(port: PortInfo) -> dict[str, Any] | None:
    from fbuild_watch.serial.holders import find_holder

    holder = find_holder(port.device)
    return holder._asdict() if holder else None
