"""The scrollback on the whole screen, with a search by regex: what a filter hides is here too."""

from __future__ import annotations

import re
from collections.abc import Callable

from prompt_toolkit.application import get_app_session
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import ANSI, AnyFormattedText
from prompt_toolkit.key_binding import KeyPressEvent
from prompt_toolkit.layout import AnyContainer, BufferControl, ConditionalContainer, Window
from prompt_toolkit.layout.processors import BeforeInput

from fbuild_watch.console import paint
from fbuild_watch.console.full_screen import FullScreen
from fbuild_watch.console.pager import Pager
from fbuild_watch.console.pulse import Pulse
from fbuild_watch.console.session import Session
from fbuild_watch.errors import PatternTooSlow
from fbuild_watch.text.ansi import plain, without_start, without_tabs

SHIFT = 20
"""Columns that a key moves a line that is longer than the screen."""


class SearchFace(FullScreen):
    """A picture of the scrollback as it was when this was opened; what comes then is counted."""

    key_help = ("q back", "/ search", "n N next")

    def __init__(self, session: Session, pulse: Pulse) -> None:
        """`session.wanted` is the regex to search for first, if there is one."""
        session.take_in()
        self._end = session.scrollback.end
        self._drawn = session.everything()
        rows = get_app_session().output.get_size().rows - 1
        self._pager = Pager([plain(line) for line in self._drawn], rows)
        self._entry = Buffer(accept_handler=self._accept, multiline=False)
        self._asking = False
        self._wrong = ""
        self._left = 0
        """Columns that are off the screen on the left."""
        for regex in session.wanted:
            self._search(regex)
        super().__init__(session, pulse)
        self._add_moves()
        self._add_search_keys()

    def picture(self, rows: int, columns: int) -> AnyFormattedText:
        """The lines from the pager's first row on."""
        del columns  # the window cuts what is too long
        self._pager.resize(rows)
        if self._pager.pattern:
            self._pager.pattern.renew()
        top = self._pager.top
        return ANSI("\n".join(map(self._marked, self._drawn[top : top + rows])))

    def said(self) -> str:
        """Where this is, and what came since."""
        new = self._session.scrollback.end - self._end
        return f"{self._wrong or self._pager.words}{f', {new:,} new' if new else ''}"

    def takes_keys(self) -> bool:
        """Not while a regex is typed."""
        return not self._asking

    def _marked(self, line: str) -> str:
        return without_start(without_tabs(self._highlighted(line)), self._left)

    def _highlighted(self, line: str) -> str:
        try:
            return paint.highlight(line, [self._pager.pattern]) if self._pager.pattern else line
        except PatternTooSlow as slow:
            self._pager.search("")
            self._wrong = f"{slow}"
            return line

    def rows(self) -> list[AnyContainer]:
        """The line for a regex takes the bar's place."""
        entry = BufferControl(self._entry, input_processors=[BeforeInput("/")])
        asking = Condition(lambda: self._asking)
        self._picture_window, bar = super().rows()
        return [
            self._picture_window,
            ConditionalContainer(Window(entry, height=1), asking),
            ConditionalContainer(bar, ~asking),
        ]

    # --- keys ---

    def _add_moves(self) -> None:
        pager = self._pager
        self._bind(lambda: pager.go(pager.top - 1), "up", "k")
        self._bind(lambda: pager.go(pager.top + 1), "down", "j", "enter")
        self._bind(lambda: pager.go(pager.top - pager.rows), "pageup", "b", "c-b")
        self._bind(lambda: pager.go(pager.top + pager.rows), "pagedown", "space", "c-f")
        self._bind(lambda: pager.go(0), "home", "g")
        self._bind(lambda: pager.go(pager.last_top), "end", "G")
        self._bind(lambda: self._next(1), "n")
        self._bind(lambda: self._next(-1), "N")
        self._bind(lambda: self._shift(-SHIFT), "left", "h")
        self._bind(lambda: self._shift(SHIFT), "right", "l")

    def _bind(self, move: Callable[[], None], *names: str) -> None:
        def moved(_event: KeyPressEvent) -> None:
            move()

        for name in names:
            self.keys.add(name, filter=self.free)(moved)

    def _shift(self, step: int) -> None:
        shown = self._pager.lines[self._pager.top :][: self._pager.rows]
        longest = max((len(without_tabs(line)) for line in shown), default=0)
        self._left = min(max(0, self._left + step), longest // SHIFT * SHIFT)

    def _next(self, step: int) -> None:
        self._pager.next(step)
        self._show_match()

    def _search(self, regex: str) -> None:
        try:
            self._pager.search(regex)
            self._wrong = ""
        except re.error as error:
            self._wrong = f"{regex} is no regular expression: {error}"
        except PatternTooSlow as slow:
            self._wrong = f"{slow}"
        self._show_match()

    def _show_match(self) -> None:
        """Shift the lines so that the match that was gone to is on the screen."""
        if (number := self._pager.found) is not None:
            line = self._pager.lines[number]
            start, end = (len(without_tabs(line[:at])) for at in self._pager.matches[number])
            fits = end <= get_app_session().output.get_size().columns
            self._left = 0 if fits else start // SHIFT * SHIFT

    def _add_search_keys(self) -> None:
        @self.keys.add("/", filter=self.free)
        @self.keys.add("?", filter=self.free)
        def _ask(event: KeyPressEvent) -> None:
            self._asking = True
            event.app.layout.focus(self._entry)

        @self.keys.add("c-c", filter=~self.free)
        @self.keys.add("escape", filter=~self.free)
        def _give_up(_event: KeyPressEvent) -> None:
            self._answered()

    def _accept(self, entry: Buffer) -> bool:
        self._search(entry.text)
        self._answered()
        return False

    def _answered(self) -> None:
        self._asking = False
        self._entry.reset()
        self.app.layout.focus(self._picture_window)
