"""`fbuild status`. Imports next to nothing: a prompt may run it at every line."""

from __future__ import annotations

import json
import time
from typing import Any

import click

NOT_RUNNING = 3
"""The exit code when no watch answers, as `systemctl status` has it."""


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(as_json: bool) -> int:
    """Say what the running fbuild watch does. Exit code 0 only when one answers."""
    from fbuild_watch.control.locate import locate
    from fbuild_watch.errors import ControlError

    located = locate()
    if located is None:
        return _none(as_json, "no fbuild watch is running")
    from fbuild_watch.control.ask import ask

    try:
        status = ask(located, "status")
    except ControlError as error:
        return _none(as_json, str(error))
    if as_json:
        click.echo(json.dumps({"running": True, **status}))
    else:
        _say(status)
    return 0


def _none(as_json: bool, why: str) -> int:
    click.echo(json.dumps({"running": False, "reason": why}) if as_json else why)
    return NOT_RUNNING


def _say(status: dict[str, Any]) -> None:
    """The fields are those of `control.messages.Status`."""
    since = time.strftime("%H:%M:%S", time.localtime(status["started_at"]))
    click.echo(f"fbuild watch {status['version']} runs as pid {status['pid']} since {since}")
    for project in status["projects"]:
        click.echo(f"  {project['project']}: {_words(project)}")
    for what in status["busy"]:
        click.echo(f"  {what}")


def _words(project: dict[str, Any]) -> str:
    board = f"board {project['proven']}" if project["proven"] else "board not asked yet"
    where = f"{board} on {project['port']}" if project["port"] else "no board"
    stage = f"{project['stage']}, paused" if project["paused"] else project["stage"]
    return f"{stage} | {where}"
