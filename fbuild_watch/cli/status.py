"""`fbuild status`."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fbuild_watch.control.messages import ProjectStatus, Status

NOT_RUNNING = 3
"""The exit code when no watch answers, as `systemctl status` has it."""


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(as_json: bool) -> int:
    """Say what the running fbuild watch does. Exit code 0 only when one answers."""
    from fbuild_watch.control.locate import locate

    if locate() is None:
        return _none(as_json, "no fbuild watch is running")
    from fbuild_watch.api.sync.client import Client
    from fbuild_watch.errors import ControlError, TimedOut

    try:
        with Client("fbuild status") as client:
            status = client.status()
    except (ControlError, TimedOut) as error:
        return _none(as_json, str(error))
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode({"running": True, **msgspec.structs.asdict(status)}))
    else:
        _say(status)
    return 0


def _none(as_json: bool, why: str) -> int:
    click.echo(json.dumps({"running": False, "reason": why}) if as_json else why)
    return NOT_RUNNING


def _say(status: Status) -> None:
    since = time.strftime("%H:%M:%S", time.localtime(status.started_at))
    click.echo(f"fbuild watch {status.version} runs as pid {status.pid} since {since}")
    for project in status.projects:
        click.echo(f"  {project.project}: {_words(project)}")
    for what in status.busy:
        click.echo(f"  {what}")


def _words(project: ProjectStatus) -> str:
    board = f"board {project.proven}" if project.proven else "board not asked yet"
    where = f"{board} on {project.port}" if project.port else "no board"
    stage = f"{project.stage}, paused" if project.paused else project.stage
    return f"{stage} | {where}"
