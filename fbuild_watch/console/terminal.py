"""The terminal of the interactive console: prompt_toolkit, in a thread with its own asyncio loop.

    scrollback           what the board and fbuild said; ours once drawn, the terminal's for ever
    tail                 the board's line that has no end yet, if it is no prompt
    `>>> ` typed text    the line; a short tail such as `>>> ` or `login: ` is its prompt
    bar                  the status, and the keys

Rules
- One frame: take the line and the bar away, print what is new, draw them again. It goes out as one
  synchronized update (DEC private mode 2026; terminals without it ignore it), at most once in FRAME
  seconds, and the first output after a silence at once.
- The terminal stays in raw mode all the while. (prompt_toolkit's own way to print, `run_in_terminal`,
  leaves it for each print, which echoes what is typed in that moment; its `patch_stdout` waits for
  newlines and sleeps 0.2 s.)
- No cursor position requests: the answers arrive among the typed keys.
- Only `wake` and `stop` may be called from other threads.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import ANSI, StyleAndTextTuples
from prompt_toolkit.key_binding import merge_key_bindings
from prompt_toolkit.key_binding.bindings.auto_suggest import load_auto_suggest_bindings
from prompt_toolkit.layout import (
    AnyContainer,
    BufferControl,
    ConditionalContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    VSplit,
    Window,
)
from prompt_toolkit.layout.processors import AppendAutoSuggestion, BeforeInput
from prompt_toolkit.renderer import CPR_Support
from prompt_toolkit.styles import Style
from prompt_toolkit.widgets import SearchToolbar

from fbuild_watch.console.ansi import plain
from fbuild_watch.console.backlog import Backlog, Frame
from fbuild_watch.console.commands import MENU, Said, interpret
from fbuild_watch.console.history import open_history
from fbuild_watch.console.keys import Meaning, Menu, make_bindings
from fbuild_watch.model import Command, ConsoleInput, Notice

FRAME = 0.03
"""Seconds between two frames: faster than that nobody reads."""
_RESIZE_POLL = 0.2
"""Seconds; the signal of a resize goes to the main thread only."""

_PROMPT = "> "
_LONGEST_PROMPT = 40
_LIKE_A_PROMPT = re.compile(r"[>$#:?] ?\Z")
_KEYS = "Ctrl-T menu  Ctrl-] quit"
_STYLE = Style.from_dict({"bar": "reverse", "bar.menu": "bold"})

_BEGIN_UPDATE, _END_UPDATE = "\x1b[?2026h", "\x1b[?2026l"


class Terminal:
    """The user interface. `give` is called, in the terminal's thread, with what a person does."""

    def __init__(
        self, backlog: Backlog, history: Path, eol: bytes, give: Callable[[ConsoleInput], object]
    ) -> None:
        """Nothing is touched before `run`."""
        self._backlog = backlog
        self._history = history
        self._eol = eol
        self._give = give
        self._frame = Frame([], "", "")
        self._menu = Menu()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._dirty = True
        self._stopping = False
        self._drawing: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Have the terminal until `stop`, or until the person quits. Blocks.

        A terminal that goes away counts as quit.
        """
        try:
            asyncio.run(self._run())
        except (EOFError, OSError):
            self._give(Command("quit"))

    def wake(self) -> None:
        """The backlog has something. From any thread."""
        if not self._dirty:
            self._dirty = True
            self._call(self._woken.set)

    def stop(self) -> None:
        """End `run` soon, also if it has not begun. From any thread."""
        self._stopping = True
        self._call(self._exit)

    def _call(self, function: Callable[[], object]) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(function)

    # --- the thread's own ---

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._fail)
        self._app = self._make_app()
        try:
            await self._app.run_async(
                pre_run=self._begin, set_exception_handler=False, handle_sigint=False
            )
        finally:
            if self._drawing is not None:
                self._drawing.cancel()
            self._print_rest()
        if self._failure is not None:
            raise self._failure

    def _begin(self) -> None:
        self._drawing = asyncio.create_task(self._draw_frames())
        self._drawing.add_done_callback(self._drawing_ended)
        if self._stopping:
            self._exit()

    def _exit(self) -> None:
        if not self._is_over():
            self._app.exit()

    def _fail(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An exception in a key or a frame ends the console, in good order."""
        self._failure = self._failure or context.get("exception")
        self._exit()

    def _drawing_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._fail(task.get_loop(), {"exception": error})

    # --- drawing ---

    async def _draw_frames(self) -> None:
        self._woken.set()
        while True:
            await self._woken.wait()
            self._woken.clear()
            self._dirty = False
            if not self._is_over():  # else the line and the bar are gone for good
                self._draw(self._backlog.take())
            await asyncio.sleep(FRAME)

    def _is_over(self) -> bool:
        return self._app.is_done or not self._app.is_running

    def _draw(self, frame: Frame) -> None:
        self._frame = frame
        output = self._app.output
        output.write_raw(_BEGIN_UPDATE)
        if frame.lines:
            self._app.renderer.erase()
            output.write_raw("".join(f"{line}\r\n" for line in frame.lines))
        self._app.render_counter += 1  # prompt_toolkit keeps what it drew under the same number
        self._app.renderer.render(self._app, self._app.layout)
        output.write_raw(_END_UPDATE)
        output.flush()

    def _print_rest(self) -> None:
        """What came last stays on the screen, below it the shell's prompt."""
        frame = self._backlog.take()
        lines = [*frame.lines, frame.tail] if frame.tail else frame.lines
        self._app.output.write_raw("".join(f"{line}\r\n" for line in lines))
        self._app.output.flush()

    # --- what is on the screen ---

    def _make_app(self) -> Application[None]:
        line = Buffer(
            history=open_history(self._history),
            auto_suggest=AutoSuggestFromHistory(),
            accept_handler=self._accept,
            multiline=False,
        )
        keys = [load_auto_suggest_bindings(), make_bindings(line, self._menu, self._do)]
        app: Application[None] = Application(
            layout=self._make_layout(line),
            key_bindings=merge_key_bindings(keys),
            style=_STYLE,
            erase_when_done=True,
            terminal_size_polling_interval=_RESIZE_POLL,
        )
        app.renderer.cpr_support = CPR_Support.NOT_SUPPORTED
        return app

    def _make_layout(self, line: Buffer) -> Layout:
        search = SearchToolbar()
        control = BufferControl(
            line,
            input_processors=[BeforeInput(self._prompt), AppendAutoSuggestion()],
            search_buffer_control=search.control,
            preview_search=True,
        )
        tail = Window(FormattedTextControl(self._tail), height=1)
        rows: list[AnyContainer] = [
            ConditionalContainer(tail, Condition(self._has_tail)),
            Window(control, wrap_lines=True, dont_extend_height=True),
            search,
            self._make_bar(),
        ]
        return Layout(HSplit(rows), focused_element=line)

    def _make_bar(self) -> VSplit:
        status = Window(FormattedTextControl(self._bar), height=1)
        keys = Window(FormattedTextControl(_KEYS), height=1, dont_extend_width=True)
        return VSplit([status, keys], style="class:bar")

    def _bar(self) -> StyleAndTextTuples:
        if self._menu.is_open:
            return [("class:bar.menu", f"{MENU}  any other key: back")]
        return [("", self._frame.status)]

    def _prompt(self) -> ANSI:
        return ANSI(self._frame.tail if _is_prompt(self._frame.tail) else _PROMPT)

    def _has_tail(self) -> bool:
        return bool(self._frame.tail) and not _is_prompt(self._frame.tail)

    def _tail(self) -> ANSI:
        """The end of the unfinished line, as much as fits into a row."""
        columns = self._app.output.get_size().columns
        text = plain(self._frame.tail)
        return ANSI(self._frame.tail if len(text) < columns else "…" + text[2 - columns :])

    # --- what the person does ---

    def _accept(self, line: Buffer) -> bool:
        self._do(interpret(line.text, self._eol))
        return False  # the line is cleared, and kept in the history

    def _do(self, meaning: Meaning) -> None:
        if isinstance(meaning, Said):
            self._backlog.add(Notice(meaning.text, "bad" if meaning.bad else "info"))
            self._woken.set()
            return
        self._give(meaning)
        if meaning == Command("quit"):
            self._exit()


def _is_prompt(tail: str) -> bool:
    """Whether the board waits for input: a short line that ends as prompts do."""
    text = plain(tail)
    return len(text) <= _LONGEST_PROMPT and bool(_LIKE_A_PROMPT.search(text))
