"""The terminal of the interactive console: a thread with its own asyncio loop, and one face at a time.

A face has the terminal until the session wants another one (`Session.face`). The terminal's raw mode
is entered once, around all of them, so that it is given back whatever happens in a face, and no key
is echoed between two of them. What was typed too early for a face is for the next one.
"""

from __future__ import annotations

import asyncio
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Protocol

from prompt_toolkit.application import get_app_session

from fbuild_watch.console.line_face import LineFace
from fbuild_watch.console.pulse import Pulse
from fbuild_watch.console.session import FaceName, Session
from fbuild_watch.model import Command


class Face(Protocol):
    """What has the terminal for a while."""

    async def run(self) -> None:
        """Until the session wants another face, or `stop`. Raises EOFError, OSError without a terminal."""

    def stop(self) -> None:
        """End `run` soon; again: does nothing."""


class Terminal:
    """Runs the faces. Only `stop` may be called from other threads."""

    def __init__(self, session: Session, history: Path) -> None:
        """Nothing is touched before `run`."""
        self._session = session
        self._history = history
        self._pulse = Pulse()
        session.backlog.wake = self._pulse.beat
        self._loop: asyncio.AbstractEventLoop | None = None
        self._face: Face | None = None
        self._stopping = False
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Have the terminal until `stop`, or until the person quits. Blocks.

        A terminal that goes away counts as quit.
        """
        try:
            asyncio.run(self._run())
        except (EOFError, OSError):
            self._session.give(Command("quit"))

    def stop(self) -> None:
        """End `run` soon, also if it has not begun. From any thread."""
        self._stopping = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(self._stop_face)

    # --- the thread's own ---

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._fail)
        self._pulse.start()
        line = LineFace(self._session, self._pulse, self._history)
        with closing(self._session):
            try:
                with get_app_session().input.raw_mode():
                    await self._run_faces(line)
            finally:
                line.print_rest()
        if self._failure is not None:
            raise self._failure

    async def _run_faces(self, line: LineFace) -> None:
        while self._session.face is not None and not self._stopping:
            self._face = line if self._session.face == "line" else self._make(self._session.face)
            await self._face.run()

    def _make(self, name: FaceName) -> Face:
        """A face that is there for one visit only; imported when it is asked for."""
        if name == "raw":
            from fbuild_watch.console.raw_face import RawFace

            return RawFace(self._session, self._pulse)
        if name == "plot":
            from fbuild_watch.console.plot_face import PlotFace

            return PlotFace(self._session, self._pulse)
        from fbuild_watch.console.search_face import SearchFace

        return SearchFace(self._session, self._pulse)

    def _stop_face(self) -> None:
        if self._face is not None:
            self._face.stop()

    def _fail(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An exception in a key or a frame ends the console, in good order."""
        self._failure = self._failure or context.get("exception")
        self._stopping = True
        self._stop_face()
