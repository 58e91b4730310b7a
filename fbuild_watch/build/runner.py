"""Runs a build's commands: in its folder, in one group, with their output as one text.

How a command is run is `processes.run_command`'s. It knows nothing of the graph. When the build ends
by cancel, `clear` makes sure that nothing of the group is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fbuild_watch.processes.run_command import Ended, ProcessGroup, run_command


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: exit code (negative: a signal), its words, and the seconds it took."""

    code: int
    output: str
    seconds: float
    reused: bool = False
    """Whether nothing was run: the object cache had what it would have made."""


class Runner:
    """Runs commands in one folder. Safe to use from many tasks at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._group = ProcessGroup()

    async def run(self, argv: Sequence[str]) -> Outcome:
        """Run a command to its end. Raises CommandNotStarted."""
        ended = await run_command(argv, cwd=self._folder, merged=True, group=self._group)
        return Outcome(ended.code, _words(argv[0], ended), ended.seconds)

    def clear(self) -> None:
        """Kill whatever of the group is left."""
        self._group.kill()


def _words(program: str, ended: Ended) -> str:
    """A command's words, and how it ended where these do not tell: killed, or without a word."""
    if ended.code < 0:
        return f"{ended.words}{program} was killed by signal {-ended.code}\n"
    if ended.code and not ended.words.strip():
        return f"{program} said nothing, and ended with exit code {ended.code}\n"
    return ended.words
