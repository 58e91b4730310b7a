"""The user's running process, for commands that use it when there is one."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from fbuild_watch.cli.common import choose_port, is_interactive
from fbuild_watch.cli.progress import FlashProgress
from fbuild_watch.errors import PortAmbiguous

if TYPE_CHECKING:
    from fbuild_watch.api.sync.client import Client
    from fbuild_watch.cli.target import BoardJob
    from fbuild_watch.control.messages import Step
    from fbuild_watch.model import OperationResult


def client() -> Client | None:
    """A connected client; None: nothing runs, do the work yourself.

    Raises ControlRefused, VersionSkew: two that fought over a port would be worse.
    """
    from fbuild_watch.control.locate import locate

    if locate() is None:
        return None
    from fbuild_watch.api.sync.client import Client
    from fbuild_watch.errors import ControlLost, NotRunning

    found = Client(name())
    try:
        found.welcome()
    except (NotRunning, ControlLost):  # also one that has just died
        return None
    return found


def name() -> str:
    """Who we are, for others to see."""
    command = Path(sys.argv[0]).stem
    what = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    return f"{command} {what}, pid {os.getpid()}"


def ask_of_image(
    client: Client,
    method: Literal["flash", "verify"],
    job: BoardJob,
    project: Path,
    environment: str | None,
    port: str | None,
    images: Sequence[str],
    no_build: bool,
) -> OperationResult:
    """Have the running process flash or verify. A person is asked when there are several boards."""
    from fbuild_watch import results
    from fbuild_watch.api import asks

    job.port = port
    placed = [(offset, path) for offset, _, path in (text.partition("=") for text in images)]
    where = (project, environment, port, placed)
    if method == "flash":
        ask = asks.flash(*where, build=not no_build)
    else:
        ask = asks.verify(*where, build=not no_build, convert=results.of_report)
    try:
        with client:
            return client.ask(ask, None, StepProgress(job.progress))
    except PortAmbiguous:
        if not is_interactive():
            raise
    chosen, again = choose_port(None, None), type(client)(name())
    return ask_of_image(again, method, job, project, environment, chosen, images, no_build)


def watched(client: Client, project: Path, environment: str | None) -> Path | None:
    """The watched project that is meant: this one, or the only one in a folder that has none.

    None: this one is not watched, or nothing is. Raises NotRunning: several could be meant.
    """
    from fbuild_watch.errors import NotRunning
    from fbuild_watch.project import is_project

    folders = [found.project for found in client.status().projects]
    if str(project) in folders:
        return project
    if not folders or environment is not None or is_project(project):
        return None
    if len(folders) > 1:
        raise NotRunning(f"{project} is not watched")
    return Path(folders[0])


class StepProgress:
    """Shows the progress of a request as the command itself would."""

    def __init__(self, shown: FlashProgress) -> None:
        self._shown = shown

    def __call__(self, step: Step) -> None:
        """Show a step."""
        from fbuild_watch.control import messages

        match step:
            case messages.UnitBuilt(source, done, total, output):
                self._warn(output)
                self._shown.show_line(f"compiled {done}/{total} {Path(source).name}")
            case messages.StepBuilt(name, output):
                self._warn(output)
                self._shown.show_line(name)
            case messages.FlashStep(words, done, total):
                share = f" {done * 100 // total} %" if total else ""
                self._shown.show_line(f"{words}{share}")
            case messages.DeviceFound(device):
                self._shown.show_device(device)

    def _warn(self, output: str) -> None:
        if output.strip():
            self._shown.clear()
            click.echo(output.rstrip(), err=True)
