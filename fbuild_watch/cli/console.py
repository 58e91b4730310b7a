"""`fbuild console`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fbuild_watch.cli.common import (
    ConsoleOptions,
    choose_port,
    console_options,
    environment_option,
    is_interactive,
    port_option,
    project_argument,
    run_async,
)

if TYPE_CHECKING:
    from fbuild_watch.board.port import BoardPort
    from fbuild_watch.control.guests import Guest
    from fbuild_watch.model import Environment, Notice


@click.command("console")
@project_argument
@environment_option
@port_option
@click.option("--baud", type=click.IntRange(min=1), help="Default: monitor_speed, else 115200.")
@click.option("--reset", is_flag=True, help="Restart the board first.")
@console_options
def command(
    project: Path,
    environment: str | None,
    port: str | None,
    baud: int | None,
    reset: bool,
    shown: ConsoleOptions,
) -> None:
    """Talk to the board, without building or flashing. Attaching does not reset it.

    PROJECT gives the port and the speed, if there is a project. On a terminal a port that another
    program holds is waited for.
    """
    from fbuild_watch.board.oneshot import talk
    from fbuild_watch.cli import attach, running
    from fbuild_watch.cli.faces import choose_console
    from fbuild_watch.cli.target import settings_of
    from fbuild_watch.control.guests import Guest

    with running.process_or_guest(stays=shown.timeout is None) as found:
        watched = None
        if not isinstance(found, Guest) and port is None:
            watched = running.watched(found, project, environment)
        if watched is None:
            settings = settings_of(project, environment)
            configured, speed = _port_and_speed(settings)
            port, baud = choose_port(port, configured), baud or speed
        if isinstance(found, Guest):
            assert port is not None
            assert baud is not None
            console = choose_console(project, shown, environment=environment, reset=reset)
            waits = is_interactive() and not shown.plain
            with found.port(port, running.say_waiting):
                beside = partial(_lend, found)
                run_async(talk, port, baud, console, settings=settings, waits=waits, beside=beside)
            return
    folder = Path(watched.project) if watched is not None else project
    attach.talk_to(project=folder, port=port, baud=baud, reset=reset, shown=shown)


async def _lend(guest: Guest, board: BoardPort, tell: Callable[[Notice], None]) -> None:
    """Let commands use the board meanwhile. What that takes is imported when the console is there."""
    import trio

    from fbuild_watch.cli.crash import as_internal_error

    lender = await trio.to_thread.run_sync(import_module, "fbuild_watch.daemon.lender")
    await lender.lend(guest, as_internal_error, board, tell)


def _port_and_speed(settings: Environment | None) -> tuple[str | None, int]:
    """monitor_port and monitor_speed; a console needs no project."""
    from fbuild_watch import flash

    if settings is None:
        return None, flash.ROM_BAUD
    return settings.monitor_port or settings.upload_port, settings.monitor_speed
