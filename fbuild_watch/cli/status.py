"""`fbuild status`."""

from __future__ import annotations

import click

NOT_RUNNING = 3
"""The exit code when no watch runs, as `systemctl status` has it."""


@click.command("status")
def command() -> int:
    """Say whether a watch of this user runs. Exit code 0 only when one does."""
    from fbuild_watch.control import lock

    holder = lock.holder()
    if holder is None:
        click.echo("no fbuild watch is running")
        return NOT_RUNNING
    click.echo(f"fbuild watch {holder.version} runs as pid {holder.pid} on {', '.join(holder.projects)}")
    return 0
