"""The user's running process, for commands that use it when there is one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fbuild_watch.cli.progress import FlashProgress

if TYPE_CHECKING:
    from fbuild_watch.api.sync.client import Client
    from fbuild_watch.control.messages import Step


def client() -> Client | None:
    """A connected client; None: nothing runs, do the work yourself.

    Raises ControlRefused, VersionSkew: two that fought over a port would be worse.
    """
    from fbuild_watch.control.locate import locate

    if locate() is None:
        return None
    from fbuild_watch.api.sync.client import Client
    from fbuild_watch.errors import NotRunning

    found = Client(name())
    try:
        found.welcome()
    except NotRunning:
        return None
    return found


def name() -> str:
    """Who we are, for others to see."""
    command = Path(sys.argv[0]).stem
    what = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    return f"{command} {what}, pid {os.getpid()}"


class StepProgress(FlashProgress):
    """Shows the progress of a request as the command itself would."""

    def __enter__(self) -> StepProgress:
        return self

    def __call__(self, step: Step) -> None:
        """Show a step."""
        from fbuild_watch.control import messages

        match step:
            case messages.UnitBuilt(source, done, total, output):
                self._warn(output)
                self.show_line(f"compiled {done}/{total} {Path(source).name}")
            case messages.StepBuilt(name, output):
                self._warn(output)
                self.show_line(name)
            case messages.FlashStep(words, done, total):
                share = f" {done * 100 // total} %" if total else ""
                self.show_line(f"{words}{share}")
            case messages.DeviceFound(device):
                self.show_device(device)

    def _warn(self, output: str) -> None:
        if output.strip():
            self.clear()
            click.echo(output.rstrip(), err=True)
