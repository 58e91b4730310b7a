"""The keys of the line that is typed, beyond those of any line editor (Emacs' or vi's, Ctrl-R, arrows)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, get_common_complete_suffix
from prompt_toolkit.filters import Condition, has_focus
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from fbuild_watch.console.commands import Entry, Local, Meaning, menu_names, run_command
from fbuild_watch.model import Command, Typed

if TYPE_CHECKING:
    from prompt_toolkit.buffer import Buffer

CTRL_C, CTRL_D = b"\x03", b"\x04"
_SENT_BY_MENU = ("\x14", "\x1d")
"""Ctrl-T and Ctrl-] after Ctrl-T go to the board, as in ESP-IDF's monitor."""


class Menu:
    """Whether Ctrl-T was pressed and a command's key is to come."""

    def __init__(self) -> None:
        """Closed."""
        self.is_open = False


def make_bindings(
    line: Buffer, menu: Menu, commands: Mapping[str, Entry], do: Callable[[Meaning], None]
) -> KeyBindings:
    """The keys for `line`; `do` takes what they mean."""
    keys = KeyBindings()
    typing = has_focus(line)
    add_board_keys(keys, line, typing, do)
    add_completion_keys(keys, line, typing)
    add_menu_keys(keys, menu, commands, do)
    return keys


def add_board_keys(
    keys: KeyBindings, line: Buffer, typing: Condition, do: Callable[[Meaning], None]
) -> None:
    """Ctrl-C and Ctrl-D, which are the line's while there is one, Ctrl-] and F4."""
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

    @keys.add("f4")
    def _vi_or_emacs(_event: KeyPressEvent) -> None:
        do(Local("vi"))


def add_completion_keys(keys: KeyBindings, line: Buffer, typing: Condition) -> None:
    """Tab completes, and goes through what fits; where there is no word yet, it is a tab."""
    blank = Condition(lambda: not line.document.text_before_cursor.strip())

    @keys.add("tab", filter=typing & blank)
    def _insert_tab(_event: KeyPressEvent) -> None:
        line.insert_text("\t")

    @keys.add("tab", filter=typing & ~blank)
    def _complete(_event: KeyPressEvent) -> None:
        if line.complete_state:
            line.complete_next()
        elif _insert_common_part(line):
            line.start_completion()

    @keys.add("s-tab", filter=typing)
    def _back(_event: KeyPressEvent) -> None:
        line.complete_previous()


def _insert_common_part(line: Buffer) -> bool:
    """Insert what is certain, at once: Enter may follow. Whether there is a choice left."""
    fitting = list(line.completer.get_completions(line.document, CompleteEvent()))
    if len(fitting) == 1:
        line.apply_completion(fitting[0])
    else:
        line.insert_text(get_common_complete_suffix(line.document, fitting))
    return len(fitting) > 1


def add_menu_keys(
    keys: KeyBindings, menu: Menu, commands: Mapping[str, Entry], do: Callable[[Meaning], None]
) -> None:
    """Ctrl-T opens the menu; the next key, with or without Ctrl, chooses; any other closes it."""
    is_open = Condition(lambda: menu.is_open)
    names = menu_names(commands)

    @keys.add("c-t", filter=~is_open, eager=True)
    def _open(_event: KeyPressEvent) -> None:
        menu.is_open = True

    @keys.add("<any>", filter=is_open, eager=True)
    @keys.add("c-]", filter=is_open, eager=True)
    def _choose(event: KeyPressEvent) -> None:
        menu.is_open = False
        key = event.data
        if key in _SENT_BY_MENU:
            do(Typed(key.encode()))
        elif name := names.get(key.lower()) or names.get(_without_ctrl(key)):
            do(run_command(name, commands))


def _without_ctrl(key: str) -> str:
    """The letter of Ctrl-letter; none for Enter and Ctrl-C, which close the menu."""
    is_letter = len(key) == 1 and 0 < ord(key) <= 26 and key not in "\r\n\x03"
    return chr(ord(key) + 0x60) if is_letter else ""
