"""The help of the console: all commands on one screen, or one of them in full. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap

from fbuild_watch.console.commands import COMMANDS, Entry

INTRO = (
    "Enter sends the line. Tab completes; Up and Ctrl-R find what was sent before.",
    "Ctrl-C clears the line; on an empty one it goes to the board, as Ctrl-D does.",
    "Ctrl-] leaves. Ctrl-T and the key shown here do the same. ::text sends :text.",
)
_CELL = 38
_GAP = "  "
_BACK = "any other key: back"


def help_screen(columns: int, commands: Mapping[str, Entry] = COMMANDS) -> str:
    """Every command, in as many columns as fit."""
    cells = [_cell(name, entry) for name, entry in commands.items()]
    across = max(1, (columns + len(_GAP)) // (_CELL + len(_GAP)))
    rows = -(-len(cells) // across)
    table = [_GAP.join(cells[row::rows]).rstrip() for row in range(rows)]
    intro = [row for text in INTRO for row in wrap(text, columns)]
    return "\n".join([*intro, *table])


def help_of(name: str, commands: Mapping[str, Entry] = COMMANDS) -> str | None:
    """One command; None: there is none of that name."""
    entry = commands.get(name)
    if entry is None:
        return None
    key = f"; Ctrl-T {entry.key}" if entry.key else ""
    return f":{name} {entry.usage}".rstrip() + f"  {entry.help}{key}"


def menu_line(columns: int, commands: Mapping[str, Entry] = COMMANDS) -> str:
    """The keys after Ctrl-T, as many as fit into a row; first the one that shows them all."""
    shown = f"{commands['help'].key} help  "
    for name, entry in commands.items():
        if name == "help":
            continue
        longer = f"{shown}{entry.key} {name}  " if entry.key else shown
        if len(longer) + len(_BACK) <= columns:
            shown = longer
    return shown + _BACK


def _cell(name: str, entry: Entry) -> str:
    return f":{name:<10} {entry.key or ' '} {entry.help}".ljust(_CELL)
