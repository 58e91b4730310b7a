"""The console with a line to type in: output above, a line below that output never disturbs.

    scrollback           what the board and fbuild said; ours once drawn, the terminal's for ever
    tail                 the board's line that has no end yet, if it is no prompt
    `>>> ` typed text    the line; a short tail such as `>>> ` or `login: ` is its prompt
    completions          what Tab found, while it is asked for
    bar                  the status, and the keys

Rules
- One frame: take the line and the bar away, print what is new, draw them again. It goes out as one
  synchronized update (DEC private mode 2026; terminals without it ignore it), at most once in FRAME
  seconds, and the first output after a silence at once.
- The terminal stays in raw mode all the while. (prompt_toolkit's own way to print, `run_in_terminal`,
  leaves it for each print, which echoes what is typed in that moment; its `patch_stdout` waits for
  newlines and sleeps 0.2 s.)
- No cursor position requests: the answers arrive among the typed keys.
- The typed text outlives a visit to another face.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from prompt_toolkit.application import Application
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import ANSI, StyleAndTextTuples
from prompt_toolkit.key_binding import merge_key_bindings
from prompt_toolkit.key_binding.bindings.auto_suggest import load_auto_suggest_bindings
from prompt_toolkit.layout import (
    AnyContainer,
    BufferControl,
    CompletionsMenu,
    ConditionalContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    Window,
)
from prompt_toolkit.layout.processors import AppendAutoSuggestion, BeforeInput
from prompt_toolkit.renderer import CPR_Support
from prompt_toolkit.styles import Style
from prompt_toolkit.widgets import SearchToolbar

from fbuild_watch.console.bar import bar
from fbuild_watch.console.commands import Meaning, interpret
from fbuild_watch.console.complete import ConsoleCompleter
from fbuild_watch.console.help import menu_line
from fbuild_watch.console.history import open_history
from fbuild_watch.console.keys import Menu, make_bindings
from fbuild_watch.console.local import do
from fbuild_watch.console.pulse import Pulse
from fbuild_watch.console.session import Frame, Session
from fbuild_watch.text.ansi import plain

FRAME = 0.03
"""Seconds between two frames: faster than that nobody reads."""
_RESIZE_POLL = 0.2
"""Seconds; the signal of a resize goes to the main thread only."""

_PROMPT = "> "
_LONGEST_PROMPT = 40
_LIKE_A_PROMPT = re.compile(r"[>$#:?] ?\Z")
_MENU_ROWS = 6
_STYLE = Style.from_dict({"bar": "reverse", "bar.menu": "bold"})

_BEGIN_UPDATE, _END_UPDATE = "\x1b[?2026h", "\x1b[?2026l"


class LineFace:
    """Draws a session's frames, and gives it what is typed."""

    def __init__(self, session: Session, pulse: Pulse, history: Path) -> None:
        """The terminal is not touched before `run`."""
        self._session = session
        self._pulse = pulse
        self._frame = Frame([], "")
        self._menu = Menu()
        self._line = Buffer(
            history=open_history(history),
            auto_suggest=AutoSuggestFromHistory(),
            completer=ConsoleCompleter(session),
            accept_handler=self._accept,
            multiline=False,
        )
        self._app = self._make_app()

    async def run(self) -> None:
        """Have the terminal until the session wants another face, or `stop`."""
        self._use_keys()
        await self._app.run_async(
            pre_run=self._begin, set_exception_handler=False, handle_sigint=False
        )

    def stop(self) -> None:
        """End `run` soon; also one that has ended."""
        if not self._is_over():
            self._app.exit()

    def print_rest(self) -> None:
        """What came last stays on the screen, below it the shell's prompt."""
        frame = self._session.frame()
        lines = [*frame.lines, frame.tail] if frame.tail else frame.lines
        self._app.output.write_raw("".join(f"{line}\r\n" for line in lines))
        self._app.output.flush()

    def _begin(self) -> None:
        self._app.create_background_task(self._draw_frames())

    async def _draw_frames(self) -> None:
        self._pulse.beat()
        while True:
            await self._pulse.wait()
            if not self._is_over():  # else the line and the bar are gone for good
                self._draw()
            await asyncio.sleep(FRAME)

    def _is_over(self) -> bool:
        return self._app.is_done or not self._app.is_running

    def _draw(self) -> None:
        self._frame = frame = self._session.frame()
        output = self._app.output
        output.write_raw(_BEGIN_UPDATE)
        if frame.clear:
            self._app.renderer.clear()
        if frame.lines:
            self._app.renderer.erase()
            output.write_raw("".join(f"{line}\r\n" for line in frame.lines))
        self._app.render_counter += 1  # prompt_toolkit keeps what it drew under the same number
        self._app.renderer.render(self._app, self._app.layout)
        output.write_raw(_END_UPDATE)
        output.flush()

    # --- what is on the screen ---

    def _make_app(self) -> Application[None]:
        bindings = make_bindings(self._line, self._menu, self._session.plugins.entries, self._do)
        app: Application[None] = Application(
            layout=self._make_layout(),
            key_bindings=merge_key_bindings([load_auto_suggest_bindings(), bindings]),
            style=_STYLE,
            erase_when_done=True,
            terminal_size_polling_interval=_RESIZE_POLL,
        )
        app.renderer.cpr_support = CPR_Support.NOT_SUPPORTED
        return app

    def _make_layout(self) -> Layout:
        search = SearchToolbar()
        control = BufferControl(
            self._line,
            input_processors=[BeforeInput(self._prompt), AppendAutoSuggestion()],
            search_buffer_control=search.control,
            preview_search=True,
        )
        tail = Window(FormattedTextControl(self._tail), height=1)
        rows: list[AnyContainer] = [
            ConditionalContainer(tail, Condition(self._has_tail)),
            Window(control, wrap_lines=True, dont_extend_height=True),
            search,
            CompletionsMenu(max_height=_MENU_ROWS),
            Window(FormattedTextControl(self._bar), height=1, style="class:bar"),
        ]
        return Layout(HSplit(rows), focused_element=self._line)

    def _columns(self) -> int:
        return self._app.output.get_size().columns

    def _bar(self) -> StyleAndTextTuples:
        if self._menu.is_open:
            return [("class:bar.menu", menu_line(self._columns(), self._session.plugins.entries))]
        return [("", bar(self._session.status, self._columns(), self._session.view.words))]

    def _prompt(self) -> ANSI:
        return ANSI(self._frame.tail if _is_prompt(self._frame.tail) else _PROMPT)

    def _has_tail(self) -> bool:
        return bool(self._frame.tail) and not _is_prompt(self._frame.tail)

    def _tail(self) -> ANSI:
        """The end of the unfinished line, as much as fits into a row."""
        columns = self._columns()
        text = plain(self._frame.tail)
        return ANSI(self._frame.tail if len(text) < columns else "…" + text[2 - columns :])

    # --- what the person does ---

    def _accept(self, line: Buffer) -> bool:
        self._do(interpret(line.text, self._session.eol, self._session.plugins.entries))
        self._app.vi_state.reset()  # the next line begins in insert mode
        return False  # the line is cleared, and kept in the history

    def _do(self, meaning: Meaning) -> None:
        self._session.columns = self._columns()
        do(self._session, meaning)
        self._use_keys()
        self._pulse.beat()
        if self._session.face != "line":
            self.stop()

    def _use_keys(self) -> None:
        self._app.editing_mode = EditingMode.VI if self._session.vi else EditingMode.EMACS


def _is_prompt(tail: str) -> bool:
    """Whether the board waits for input: a short line that ends as prompts do."""
    text = plain(tail)
    return len(text) <= _LONGEST_PROMPT and bool(_LIKE_A_PROMPT.search(text))
