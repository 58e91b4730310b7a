"""`fbuild stop`."""

from __future__ import annotations

import click


@click.command("stop")
@click.option("--timeout", type=click.FloatRange(min=0), default=60.0, show_default=True,
              metavar="SECONDS", help="How long to wait for its end.")  # fmt: skip
def command(timeout: float) -> None:
    """End the running fbuild watch: a write is finished, the ports are given back.

    That none runs is fine.
    """
    from fbuild_watch.api.sync.daemon import Daemon

    stopped = Daemon().stop(timeout=timeout)
    click.echo("stopped" if stopped else "no fbuild watch is running", err=True)
