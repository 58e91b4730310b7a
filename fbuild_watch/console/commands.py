"""What a line that was typed means, and the commands with their keys. Pure.

Rules
- `:name` is a command, `::text` sends `:text`, everything else goes to the board with the line ending.
- A name that is no command is said and not sent: a slip must not reach the board.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fbuild_watch.model import Command, Typed

CommandName = Literal["flash", "rebuild", "reset", "quit"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: its key after Ctrl-T, and what it does."""

    key: str
    help: str
    name: CommandName | None
    """What the loop calls it; None: the console does it itself."""


COMMANDS: dict[str, Entry] = {
    "flash": Entry("f", "bring the board up to date now", "flash"),
    "rebuild": Entry("b", "compile everything anew", "rebuild"),
    "reset": Entry("r", "restart the board", "reset"),
    "help": Entry("h", "show this", None),
    "quit": Entry("q", "leave (also Ctrl-])", "quit"),
}

MENU = "  ".join(f"{entry.key} {name}" for name, entry in COMMANDS.items())
"""The keys after Ctrl-T, for one line."""

HELP = "\n".join(
    [
        "Enter sends the line to the board. Ctrl-R searches what was sent before.",
        *(f":{name:<8} Ctrl-T {entry.key}   {entry.help}" for name, entry in COMMANDS.items()),
        "::text    sends :text to the board",
        "Ctrl-C    clears the line; on an empty line it goes to the board. Ctrl-D as well.",
    ]
)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer of the console itself."""

    text: str
    bad: bool = False


def interpret(line: str, eol: bytes) -> Typed | Command | Said:
    """What Enter on `line` means. A line of several lines is sent as several."""
    if line.startswith("::"):
        line = line[1:]
    elif line.startswith(":"):
        return run_command(line[1:].strip())
    parts = line.removesuffix("\n").split("\n")  # several, and a last ending, come from a paste
    return Typed(b"".join(part.encode("utf-8", "surrogateescape") + eol for part in parts))


def run_command(name: str) -> Command | Said:
    """The command `name`."""
    entry = COMMANDS.get(name)
    if entry is None:
        known = " ".join(f":{known}" for known in COMMANDS)
        return Said(f"there is no command :{name} ({known}); ::{name} sends it to the board", True)
    return Command(entry.name) if entry.name else Said(HELP)
