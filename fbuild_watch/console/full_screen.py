"""A face that has the whole (alternate) screen: a picture, a bar below it, and keys that leave."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from prompt_toolkit.application import Application
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import AnyFormattedText, StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import AnyContainer, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.renderer import CPR_Support
from prompt_toolkit.styles import Style

from fbuild_watch.console.bar import with_keys
from fbuild_watch.console.pulse import Pulse
from fbuild_watch.console.session import Session

_RESIZE_POLL = 0.2
_STYLE = Style.from_dict({"bar": "reverse"})


class FullScreen(ABC):
    """Takes in what comes while it is shown, so that nothing is missing afterwards."""

    frame_s = 0.1
    """Seconds between two pictures."""
    key_help: tuple[str, ...]
    """What the keys do, for the bar: the one that leads back, then the most needed first."""

    def __init__(self, session: Session, pulse: Pulse) -> None:
        """The terminal is not touched before `run`."""
        self._session = session
        self._pulse = pulse
        self.keys = KeyBindings()
        self.free = Condition(self.takes_keys)
        self.app: Application[None] = Application(
            layout=Layout(HSplit(self.rows())),
            key_bindings=self.keys,
            style=_STYLE,
            full_screen=True,
            terminal_size_polling_interval=_RESIZE_POLL,
        )
        self.app.renderer.cpr_support = CPR_Support.NOT_SUPPORTED
        self._add_leaving()

    @abstractmethod
    def picture(self, rows: int, columns: int) -> AnyFormattedText:
        """What is above the bar."""

    @abstractmethod
    def said(self) -> str:
        """What the bar says, beside the keys."""

    def takes_keys(self) -> bool:
        """Whether keys are commands now, and not text."""
        return True

    def see(self) -> None:
        """Take in what was said since the last picture."""
        self._session.take_in()

    async def run(self) -> None:
        """Until a key leaves it, or `stop`."""
        await self.app.run_async(
            pre_run=self._begin, set_exception_handler=False, handle_sigint=False
        )

    def stop(self) -> None:
        """End `run` soon; again: does nothing."""
        if self.app.is_running and not self.app.is_done:
            self.app.exit()

    def _begin(self) -> None:
        self.app.create_background_task(self._draw_frames())

    async def _draw_frames(self) -> None:
        while True:
            self.see()
            self.app.invalidate()
            await asyncio.sleep(self.frame_s)
            await self._pulse.wait()

    def rows(self) -> list[AnyContainer]:
        """What stands on the screen; the first has the keys."""
        return [
            Window(FormattedTextControl(self._picture, focusable=True)),
            Window(FormattedTextControl(self._bar), height=1, style="class:bar"),
        ]

    def _picture(self) -> AnyFormattedText:
        size = self.app.output.get_size()
        return self.picture(max(1, size.rows - 1), size.columns)

    def _bar(self) -> StyleAndTextTuples:
        columns = self.app.output.get_size().columns
        return [("", with_keys(self.said(), self.key_help, columns))]

    def _add_leaving(self) -> None:
        @self.keys.add("q", filter=self.free)
        @self.keys.add("escape", filter=self.free)
        @self.keys.add("c-]", eager=True)
        @self.keys.add("c-c", filter=self.free)
        def _leave(_event: KeyPressEvent) -> None:
            self._session.face = "line"
            self.stop()
