"""How a board is reached: what a project says of its board, and what is remembered of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fbuild_watch import flash
from fbuild_watch.model import Environment
from fbuild_watch.outputs import boards_folder


@dataclass(frozen=True, slots=True)
class Approach:
    """To a board of which no project says anything, unless something is said here."""

    write_baud: int = flash.DEFAULT_BAUD
    run_baud: int = flash.ROM_BAUD
    """Of the console, and of the port when the board runs again."""
    reset: str = "auto"
    """How it is brought into its bootloader: `flash.Line.reset`."""
    mac: str | None = None
    """The board that it has to be; None: any."""
    memory: flash.BoardMemory | None = None

    def but(self, *, mac: str | None = None, reset: str = "auto") -> Approach:
        """The same, with what somebody asked for this time going before it."""
        reset = self.reset if reset == "auto" else reset
        return replace(self, mac=mac or self.mac, reset=reset)

    def on(self, line: flash.Line) -> flash.Line:
        """A line that somebody else has open, with what is asked for here going before it."""
        reset = line.reset if self.reset == "auto" else self.reset
        return replace(line, mac=self.mac or line.mac, reset=reset)


def of_project(settings: Environment | None) -> Approach:
    """As the project has it; None: there is none."""
    if settings is None:
        return Approach()
    return Approach(
        settings.upload_speed or flash.DEFAULT_BAUD,
        settings.monitor_speed,
        settings.reset,
        settings.mac,
        flash.BoardMemory(boards_folder(settings.project_dir)),
    )
