"""`fbuild serve`: the user's process without a terminal. `fbuild watch --detach` starts it."""

from __future__ import annotations

import re
from pathlib import Path

import click

from fbuild_watch.cli.common import environment_option, port_option, run_async


def _check_control(_context: object, _option: object, value: str | None) -> str | None:
    read = re.fullmatch(r"unix|tcp(:(?P<port>\d{1,5}))?", value or "unix", re.ASCII)
    if read is None or int(read["port"] or 0) > 65535:
        raise click.BadParameter("unix, tcp or tcp:PORT, with a PORT up to 65535")
    return value


control_option = click.option(
    "--control",
    callback=_check_control,
    metavar="unix|tcp[:PORT]",
    help="Where clients connect. Default: a Unix socket; loopback TCP on Windows.",
)


@click.command("serve", hidden=True)
@click.argument(
    "project", required=False, type=click.Path(file_okay=False, path_type=Path, resolve_path=True)
)
@environment_option
@port_option
@control_option
@click.option("--detach", is_flag=True, help="In the background; return when it answers.")
def command(
    project: Path | None,
    environment: str | None,
    port: str | None,
    control: str | None,
    detach: bool,
) -> int:
    """Serve clients, and watch PROJECT if it is given, until told to end."""
    if detach:
        return start(project, environment, port, control)
    from fbuild_watch.cli import running
    from fbuild_watch.control import lock

    with lock.hold(*([project] if project else []), on_wait=running.say_waiting) as held:
        from fbuild_watch import daemon
        from fbuild_watch.app import Settings
        from fbuild_watch.cli.background import log_file
        from fbuild_watch.cli.crash import as_internal_error

        options = daemon.Options(as_internal_error, control, log_file())
        first = Settings(project, environment, port) if project else None
        run_async(daemon.run, held, options, first, None)
    return 0


def start(
    project: Path | None, environment: str | None, port: str | None, control: str | None
) -> int:
    """Start it in the background, and say where it is; the exit code. Raises LockHeld."""
    from fbuild_watch.cli import background, running
    from fbuild_watch.control import lock

    if project is not None:
        running.make_way()
    lock.wait_until_free(running.say_waiting)

    given = {"--environment": environment, "--port": port, "--control": control}
    options = [f"{name}={value}" for name, value in given.items() if value is not None]
    found, code, words = background.start([*options, *([str(project)] if project else [])])
    if found is None:
        click.echo(words.rstrip(), err=True)
        return code
    click.echo(f"fbuild watch runs as pid {found.pid}; its log: {background.log_file()}")
    return 0
