"""The keys of the interactive console, beyond those of any line editor (Emacs keys, Ctrl-R, arrows)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prompt_toolkit.filters import Condition, has_focus
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from fbuild_watch.console.commands import COMMANDS, Said, run_command
from fbuild_watch.model import Command, Typed

if TYPE_CHECKING:
    from prompt_toolkit.buffer import Buffer

Meaning = Typed | Command | Said

CTRL_C, CTRL_D = b"\x03", b"\x04"


class Menu:
    """Whether Ctrl-T was pressed and a command's key is to come."""

    def __init__(self) -> None:
        """Closed."""
        self.is_open = False


def make_bindings(line: Buffer, menu: Menu, do: Callable[[Meaning], None]) -> KeyBindings:
    """The keys for `line`; `do` takes what they mean."""
    keys = KeyBindings()
    typing = has_focus(line)
    add_board_keys(keys, line, typing, do)
    add_menu_keys(keys, menu, do)
    return keys


def add_board_keys(
    keys: KeyBindings, line: Buffer, typing: Condition, do: Callable[[Meaning], None]
) -> None:
    """Ctrl-C and Ctrl-D, which are the line's while there is one, and Ctrl-]."""
    empty = Condition(lambda: not line.text)

    @keys.add("c-c", filter=typing & ~empty)
    def _clear(_event: KeyPressEvent) -> None:
        line.reset()

    @keys.add("c-c", filter=typing & empty)
    def _interrupt(_event: KeyPressEvent) -> None:
        do(Typed(CTRL_C))

    @keys.add("c-d", filter=typing & empty)
    def _end(_event: KeyPressEvent) -> None:
        do(Typed(CTRL_D))

    @keys.add("c-]", eager=True)
    def _quit(_event: KeyPressEvent) -> None:
        do(Command("quit"))


def add_menu_keys(keys: KeyBindings, menu: Menu, do: Callable[[Meaning], None]) -> None:
    """Ctrl-T opens the menu; the next key chooses, and any other key closes it."""
    is_open = Condition(lambda: menu.is_open)
    names = {entry.key: name for name, entry in COMMANDS.items()}

    @keys.add("c-t", eager=True)
    def _open(_event: KeyPressEvent) -> None:
        menu.is_open = not menu.is_open

    @keys.add("<any>", filter=is_open, eager=True)
    def _choose(event: KeyPressEvent) -> None:
        menu.is_open = False
        name = names.get(event.data.lower())
        if name:
            do(run_command(name))
