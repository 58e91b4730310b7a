"""What has happened, in lines: the last ones in memory, all of them in a file that is rotated.

The file is written by a thread, in batches: the event loop never waits for a disk, and a disk that
takes nothing for long (a network's) loses the oldest lines. What it cannot take (a full disk, a
directory in its place) stays in memory only; that is said once each time it begins.
"""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

import trio

from fbuild_watch.control.news import Item, LogLine, Said, Started, Stopped, Text
from fbuild_watch.daemon import convert
from fbuild_watch.fanout import Fanout, Subscription
from fbuild_watch.system.rotation import rotate

KEPT = 1000
"""Lines in memory."""

LIMIT, OLD = 1 << 20, 3
"""Bytes of a file before the next one is begun, and how many old ones stay."""


class Log:
    """The process's. `path` None: in memory only."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._partial: dict[str, str] = {}
        self._broken = False
        """Whether the file did not take what came last."""
        self._waiting = Subscription[str](len)
        self._wake = trio.Event()
        self._waiting.wake = lambda: self._wake.set()
        self.followers: Fanout[tuple[str, Item]] = Fanout(convert.weight, kept=0)
        """Who reads each line as it comes."""

    def add(self, project: str, item: Item) -> None:
        """Note an item. Never waits."""
        match item:
            case Text(text, complete):
                self._text(project, text, complete)
            case Said(text):
                for line in text.splitlines():
                    self.say(project, f"-- {line}")
            case Started():
                self.say(project, "-- watched")
            case Stopped(error):
                if begun := self._partial.pop(project, ""):
                    self.say(project, begun)  # a prompt: its line has no end
                self.say(project, f"-- watched no more{': ' + error.message if error else ''}")

    def say(self, project: str, text: str) -> None:
        """Note a line."""
        line = self._note(f"{Path(project).name}: {text}")
        if self.path is not None:
            self._waiting.put(line + "\n")

    def _note(self, text: str) -> str:
        """Into memory, with the time; the whole line."""
        line = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}"
        self._lines.append(line)
        self.followers.send(("", LogLine(line)))
        return line

    def last(self, count: int) -> list[str]:
        """The last lines."""
        return list(self._lines)[max(0, len(self._lines) - count) :]

    async def run(self) -> None:
        """Write the file until cancelled; what waits then is written as well."""
        if self.path is None:
            return
        try:
            while True:
                await self._wake.wait()
                self._wake = trio.Event()
                await self._write(self.path, self._taken())
        finally:
            if waiting := self._taken():
                await self._write(self.path, waiting)

    async def _write(self, path: Path, text: str) -> None:
        """What was taken is written, though we are cancelled."""
        try:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(write, path, text)
        except OSError as error:
            if not self._broken:
                self._note(f"-- {path} cannot be written: {error.strerror}")
            self._broken = True
        else:
            self._broken = False

    def _taken(self) -> str:
        """All that waits."""
        lines = []
        while (taken := self._waiting.take()) is not None:
            lost, line = taken
            lines.append(f"-- {lost} lines were lost: the disk was too slow\n" if lost else "")
            lines.append(line)
        return "".join(lines)

    def _text(self, project: str, text: str, complete: bool) -> None:
        whole = self._partial.pop(project, "") + text
        if complete:
            self.say(project, whole)
        else:
            self._partial[project] = whole


def write(path: Path, text: str) -> None:
    """Append, to a new file where the old one is full. Blocks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LIMIT:
        rotate(path, OLD)
    with path.open("a", encoding="utf-8", errors="replace") as file:
        file.write(text)
