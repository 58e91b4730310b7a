"""The board's numbers as curves on the whole screen, drawn while they come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from prompt_toolkit.formatted_text import ANSI, AnyFormattedText
from prompt_toolkit.key_binding import KeyPressEvent

from fbuild_watch.console.fields import FieldReader
from fbuild_watch.console.full_screen import FullScreen
from fbuild_watch.console.pulse import Pulse
from fbuild_watch.console.samples import Samples
from fbuild_watch.console.session import Session
from fbuild_watch.errors import ExtraMissing
from fbuild_watch.text.ansi import plain

COLOURS = ("cyan", "magenta", "yellow", "green", "red", "blue", "white")
WINDOWS_S = (5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)


class PlotFace(FullScreen):
    """Begins with the numbers that are in the scrollback."""

    frame_s = 0.2
    key_help = ("q back", "space pause", "+ - time", "c clear", "e CSV", "p PNG")

    def __init__(self, session: Session, pulse: Pulse) -> None:
        """`session.wanted` are the names to draw; all if there are none."""
        super().__init__(session, pulse)
        self._reader = FieldReader()
        self._samples = Samples(session.wanted)
        self._seen = session.scrollback.start
        self._window = 2
        self._drawn = ""
        self._paused = False
        self._said = ""
        self._add_keys()

    def see(self) -> None:
        """Take what the lines say in numbers."""
        super().see()
        scrollback = self._session.scrollback
        for line in scrollback.since(self._seen):
            if line.kind == "board":
                self._samples.add(line.at, self._reader.read(plain(line.text)))
        self._seen = scrollback.end

    def picture(self, rows: int, columns: int) -> AnyFormattedText:
        """The curves; the last ones while it is paused."""
        if not self._samples.names:
            return "no numbers yet: lines such as temp:21.5 hum:40, or 21.5,40, are drawn from the second one on"
        if not self._paused or not self._drawn:
            self._drawn = draw(self._samples, WINDOWS_S[self._window], rows, columns)
        return ANSI(self._drawn)

    def said(self) -> str:
        """What is drawn, or what a key did."""
        state = "paused  " if self._paused else ""
        said = self._said or f"{len(self._samples):,} samples, {WINDOWS_S[self._window]:g} s"
        return f"{state}{said}"

    def _add_keys(self) -> None:
        self._bind("space", self._pause)
        self._bind("c", self._samples.clear)
        self._bind("e", self._write_csv)
        self._bind("p", self._write_png)
        self._bind("+", lambda: self._zoom(1))
        self._bind("-", lambda: self._zoom(-1))

    def _bind(self, name: str, act: Callable[[], None]) -> None:
        @self.keys.add(name)
        def _pressed(_event: KeyPressEvent) -> None:
            self._said = ""
            act()

    def _pause(self) -> None:
        self._paused = not self._paused

    def _zoom(self, step: int) -> None:
        self._window = min(max(0, self._window + step), len(WINDOWS_S) - 1)
        self._drawn = ""

    def _write_csv(self) -> None:
        path = _new_file("csv")
        try:
            path.write_text(self._samples.as_csv(), encoding="utf-8")
        except OSError as error:
            self._said = f"{path} cannot be written: {error.strerror}"
        else:
            self._tell_written(path)

    def _write_png(self) -> None:
        from fbuild_watch.console.png import write_png

        path = _new_file("png")
        try:
            write_png(self._samples, WINDOWS_S[self._window], path)
        except ExtraMissing as error:
            self._said = f"{error}: {error.hint}"
        except OSError as error:
            self._said = f"{path} cannot be written: {error.strerror}"
        else:
            self._tell_written(path)

    def _tell_written(self, path: Path) -> None:
        self._said = f"written: {path.name}"
        self._session.say(f"plot written to {path}")


def draw(samples: Samples, seconds: float, rows: int, columns: int) -> str:
    """The curves of the last `seconds` as `rows` lines of text with colours."""
    import plotext  # late: 0.15 s

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(columns, rows)
    plotext.xlim(-seconds, 0)
    for number, name in enumerate(samples.names):
        points = samples.curve(name, seconds, 2 * columns)
        if points:
            times, values = zip(*points, strict=True)
            last = f"{name} {values[-1]:g}"
            colour = COLOURS[number % len(COLOURS)]
            plotext.plot(times, values, label=last, marker="braille", color=colour)
    return str(plotext.build()).rstrip("\n")


def _new_file(kind: str) -> Path:
    return Path.cwd() / f"plot-{datetime.now():%Y%m%d-%H%M%S}.{kind}"
