"""Raw mode: every key goes to the board, and the board's bytes go to the terminal as they are.

For programs on the board that want the whole terminal: MicroPython's REPL, menus, editors. One key,
Ctrl-], leads back. What fbuild says stands as a marked line between the board's.
"""

from __future__ import annotations

import asyncio
import codecs
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prompt_toolkit.application import get_app_session
from prompt_toolkit.input.typeahead import get_typeahead, store_typeahead
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyPress

from fbuild_watch.console.keyboard_windows import as_bytes
from fbuild_watch.console.pulse import Pulse
from fbuild_watch.console.session import Session
from fbuild_watch.model import ConsoleItem, DeviceBytes, Notice, Typed

if sys.platform == "win32":
    from fbuild_watch.console.keyboard_windows import listening
else:
    from fbuild_watch.console.keyboard_posix import listening

ESCAPE = b"\x1d"
"""Ctrl-], which leaves telnet and miniterm as well."""

_FRAME = 0.01

_OTHER_SCREEN = re.compile(r"\x1b\[\?(1049|1047|47)([hl])")
_LONGEST_SWITCH = len("\x1b[?1049h")

_UNDO = (
    "\x1b[0m\x1b(B"  # colours, line drawing
    "\x1b7\x1b[r\x1b8"  # the scroll region; setting it moves the cursor
    "\x1b[?6l\x1b[?7h\x1b[4l"  # origin, wrap, insert
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l"  # mouse, bracketed paste
    "\x1b[?1l\x1b>\x1b[?25h"  # cursor and number keys as they were, a cursor
)
"""What a program may have set and not taken back (xterm's control sequences, ctlseqs).

The other screen is left only where it was entered: tmux moves the cursor even where it was not.
"""


class RawFace:
    """Bytes through, both ways."""

    def __init__(self, session: Session, pulse: Pulse) -> None:
        """The terminal is not touched before `run`."""
        self._session = session
        self._pulse = pulse
        self._stopped = False
        self._gone = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._recent = ""
        self._leave_screen = ""
        """What leaves the other screen, while the board's program has it."""
        self._output = get_app_session().output
        self._input = get_app_session().input

    async def run(self) -> None:
        """Until Ctrl-] or `stop`. Raises EOFError when the terminal goes away."""
        with self._borrowed():
            self._typed(as_bytes(get_typeahead(self._input)))
            with listening(self._input, self._heard):
                while not self._is_over():
                    self._show()
                    await asyncio.sleep(_FRAME)
                    await self._pulse.wait()
        if self._gone:
            raise EOFError

    def stop(self) -> None:
        """End `run` soon; again: does nothing."""
        self._stopped = True
        self._pulse.beat()

    def _is_over(self) -> bool:
        return self._stopped or self._gone or self._session.face != "raw"

    @contextmanager
    def _borrowed(self) -> Iterator[None]:
        """The terminal, which is as the other faces need it afterwards."""
        self._write("".join(f"{line}\r\n" for line in self._session.frame().lines))
        self._write_notice(Notice("raw mode: every key goes to the board; Ctrl-] leads back"))
        self._write(self._session.scrollback.tail.text)
        try:
            yield
        finally:
            self._show()
            self._write(f"{self._leave_screen}{_UNDO}\r\n")
            self._session.skip_drawn()

    # --- to the board ---

    def _heard(self, data: bytes) -> None:
        if data:
            self._typed(data)
        else:
            self._gone = True
            self._pulse.beat()

    def _typed(self, data: bytes) -> None:
        before, escape, rest = data.partition(ESCAPE)
        if before:
            self._session.give(Typed(before))
        if before and self._session.echo:
            self._write(before.decode("utf-8", "replace"))
        if escape:
            self._session.face = "line"
            store_typeahead(self._input, _keys(rest))
            self._pulse.beat()

    # --- to the terminal ---

    def _show(self) -> None:
        for item in self._session.take_in():
            self._show_item(item)

    def _show_item(self, item: ConsoleItem) -> None:
        if isinstance(item, DeviceBytes):
            text = self._decoder.decode(item.data)
            self._note_screen(text)
            self._write(text)
        elif isinstance(item, Notice):
            self._write_notice(item)

    def _note_screen(self, text: str) -> None:
        """Whether the board's program is on the other screen; what says so may come in two pieces."""
        self._recent += text
        for switch in _OTHER_SCREEN.finditer(self._recent):
            self._leave_screen = f"\x1b[?{switch[1]}l" if switch[2] == "h" else ""
        self._recent = self._recent[1 - _LONGEST_SWITCH :]

    def _write_notice(self, notice: Notice) -> None:
        lines = self._session.view.notice(notice)
        self._write("".join(f"\r\n{line}" for line in lines) + "\r\n")

    def _write(self, text: str) -> None:
        self._output.write_raw(text)
        self._output.flush()


def _keys(data: bytes) -> list[KeyPress]:
    keys: list[KeyPress] = []
    add: Callable[[KeyPress], None] = keys.append
    parser = Vt100Parser(add)
    parser.feed_and_flush(data.decode("utf-8", "surrogateescape"))
    return keys
