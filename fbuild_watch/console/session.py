"""What a person has in front of them, without the terminal it is drawn on: the scrollback, how it is
shown, and the settings.

Used by the terminal's thread alone; only its `backlog` is filled from another one.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fbuild_watch.console.backlog import Backlog
from fbuild_watch.console.commands import EOLS
from fbuild_watch.console.hexdump import HexDump
from fbuild_watch.console.log import LogFile
from fbuild_watch.console.notices import notice_lines
from fbuild_watch.console.options import DEFAULT, Options
from fbuild_watch.console.plugins import Plugins
from fbuild_watch.console.scrollback import Line, Scrollback
from fbuild_watch.console.view import View
from fbuild_watch.errors import FileUnwritable, PatternTooSlow
from fbuild_watch.model import (
    Command,
    ConsoleInput,
    ConsoleItem,
    DeviceBytes,
    DeviceText,
    Notice,
    Status,
    Typed,
)
from fbuild_watch.text.ansi import only_colours, visible, without_tabs

MOST_LINES = 1000
"""Lines that one frame draws at most: more than any screen, and some ms of a terminal's time."""

FaceName = Literal["line", "raw", "search", "plot"]
"""What has the terminal: the line that is typed, the board itself, or a full screen of ours."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Whole lines for the terminal, and the line that goes on."""

    lines: list[str]
    tail: str
    clear: bool = False
    """Whether the screen is to be emptied first."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """`now` is the clock of `DeviceText.at`; `epoch` added to it makes it a time of day."""

    now: Callable[[], float]
    epoch: float


class Session:
    """`give` is called with what is for the board, or for who has it."""

    def __init__(
        self,
        clocks: Clocks,
        give: Callable[[ConsoleInput], object],
        options: Options = DEFAULT,
        plugins: Plugins | None = None,
    ) -> None:
        """Nothing was said yet."""
        self.backlog = Backlog()
        self.scrollback = Scrollback()
        self.view = View(clocks.now(), clocks.epoch)
        self.view.stamper.mode = options.timestamps
        self.view.hex = options.hex
        self.view.colours = options.colours
        self.status = Status("")
        self.face: FaceName | None = "raw" if options.raw else "line"
        """Who is to have the terminal; None: nobody, the console ends."""
        self.wanted: tuple[str, ...] = ()
        """What a full screen was asked for with."""
        self.plugins = plugins or Plugins(())
        self.columns = 80
        self.log: LogFile | None = None
        self.eol = EOLS[options.eol]
        self.echo = options.echo
        self.vi = options.vi
        self._now = clocks.now
        self._epoch = clocks.epoch
        self.pass_on = give
        """What `give` does, for other threads: nothing is shown of it."""
        self._hexdump = HexDump()
        self._drawn = 0
        self._marked: list[str] = []
        self._hidden_from: int | None = 0 if options.hex else None
        self._clear = False
        self._lost = 0

    def take_in(self) -> list[ConsoleItem]:
        """Bring the scrollback up to date; the items that are new."""
        items, lost = self.backlog.take()
        self._lost += lost
        for item in items:
            self._hear(item)
        return items

    def _hear(self, item: ConsoleItem) -> None:
        if self.log is not None:
            self.log.add(item)
        match item:
            case DeviceText():
                self.scrollback.hear(item)
            case DeviceBytes(data, at) if self.view.hex:
                for row in self._hexdump.feed(data, at):
                    self.scrollback.add(row)
            case Notice():
                self.scrollback.tell(item, notice_lines(item), self._now())
            case Status():
                self.status = item

    def open_log(self, path: Path) -> None:
        """Write what is said to a file as well. Raises FileUnwritable."""

        def say(error: FileUnwritable) -> None:
            self.backlog.add(Notice(f"the log ends here: {error}", "bad"))

        log = LogFile(path, epoch=self._epoch, failed=say)
        self.close()
        self.log = log

    def close(self) -> None:
        """End the log, if there is one."""
        if self.log is not None:
            self.log.close()
            self.log = None

    # --- what is to be drawn ---

    def frame(self) -> Frame:
        """What is to be drawn since the last one."""
        self.take_in()
        self.view.renew()
        start = max(self._drawn, self.scrollback.start)
        self._lost += start - self._drawn
        new = self.seen(self.scrollback.since(start))
        self._drawn = self.scrollback.end
        lines = [self.view.draw(line) for line in self._newest(new)]
        self._say_given_up()
        marks, self._marked = self._marked, []
        clear, self._clear = self._clear, False
        return Frame([*marks, *self._missing(), *lines], self._tail(), clear)

    def seen(self, lines: list[Line]) -> list[Line]:
        """Those that are to be seen. A filter that takes too long is no more, and hides none."""
        try:
            return [line for line in lines if self.view.shows(line)]
        except PatternTooSlow as slow:
            self.view.filter = None
            self.mark(
                f"{slow}; the filter is off, :search shows what it hid; {slow.hint}", bad=True
            )
            return self.seen(lines)

    def _say_given_up(self) -> None:
        for slow in self.view.given_up:
            self.mark(f"{slow}; it is highlighted no more; {slow.hint}", bad=True)
        self.view.given_up.clear()

    def _newest(self, lines: list[Line]) -> list[Line]:
        """So many of them that drawing them is quick, and all that fbuild says."""
        early = lines[:-MOST_LINES]
        said = [line for line in early if line.kind not in ("board", "hex")]
        self._lost += len(early) - len(said)
        return said + lines[-MOST_LINES:]

    def _missing(self) -> list[str]:
        lost, self._lost = self._lost, 0
        text = f"{lost:,} lines came too fast and are not shown"
        return self.view.notice(Notice(text)) if lost else []

    def _tail(self) -> str:
        line = self._hexdump.tail if self.view.hex else self.scrollback.tail
        return without_tabs(only_colours(line.text))

    def mark(self, text: str, *, bad: bool = False) -> None:
        """Say something about what is shown from here on."""
        self._marked += self.view.notice(Notice(text, "bad" if bad else "info"))

    def draw_again(self, lines: list[Line]) -> None:
        """Show these lines once more, as they are to be seen now."""
        self._marked += [self.view.draw(line) for line in lines]
        self._drawn = self.scrollback.end

    def everything(self) -> list[str]:
        """All that is kept, as it is drawn, with what a filter hides."""
        hidden = "board" if self.view.hex else "hex"
        view = copy(self.view)
        view.stamper = copy(self.view.stamper)  # the next line's delta is to the last one drawn
        return [view.draw(line) for line in self.scrollback.since(0) if line.kind != hidden]

    def begin_hiding(self) -> None:
        """Lines are hidden from here on."""
        if self._hidden_from is None:
            self._hidden_from = self.scrollback.end

    def give_back(self) -> None:
        """Show what was hidden, among what was not."""
        if self._hidden_from is not None:
            lines = self.scrollback.since(self._hidden_from)
            self.draw_again(self.seen(lines)[-MOST_LINES:])
        if not self.view.hides:
            self._hidden_from = None

    def clear(self) -> None:
        """Forget what was said, and empty the screen."""
        self.scrollback.clear()
        self.skip_drawn()
        self._clear = True

    def skip_drawn(self) -> None:
        """What came until now was seen in another way."""
        self._drawn, self._lost = self.scrollback.end, 0

    # --- what a person does ---

    def say(self, text: str, *, bad: bool = False) -> None:
        """Say something in the scrollback."""
        self._hear(Notice(text, "bad" if bad else "info"))

    def give(self, given: ConsoleInput) -> None:
        """Pass something on; quit also ends the console."""
        if isinstance(given, Typed) and self.echo:
            self._show_sent(given.data)
        self.pass_on(given)
        if given == Command("quit"):
            self.face = None

    def _show_sent(self, data: bytes) -> None:
        for text in data.decode("utf-8", "backslashreplace").splitlines():
            self.scrollback.add(Line(visible(text), self._now(), "echo"))

    def show_bytes(self, on: bool) -> None:
        """Rows of bytes from here on, or text again."""
        for row in self._hexdump.end():
            self.scrollback.add(row)
        self.view.hex = on
