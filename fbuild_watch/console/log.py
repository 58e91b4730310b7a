"""A file with what a console shows: the board's text without escape sequences, fbuild's own words.

Rules
- A thread formats and writes: whoever adds never waits for a disk, from whatever thread it adds.
  A prompt without newline is written too, and each batch is flushed, so that `tail -f` follows.
- A file that is full is moved aside (FILE.1, FILE.2 ...), between two lines; a pipe never is.
- What cannot be written is said once, and is the end of the log, not of the console.
- A disk that hangs costs bounded memory; lines that were dropped for it are counted in the file.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO

from fbuild_watch.console.notices import notice_lines
from fbuild_watch.errors import FileUnwritable
from fbuild_watch.model import ConsoleItem, DeviceText, Notice
from fbuild_watch.system.rotation import rotate
from fbuild_watch.text.ansi import plain

LIMIT, OLD = 10 << 20, 3
"""Bytes of a file before the next one is begun, and how many old ones stay."""

_MOST_WAITING = 100_000
"""Items that may wait for the disk: some seconds of a board at 3 Mbaud."""
_PAUSE_S = 0.02
"""Seconds for which a batch is gathered."""
_LAST_WORDS_S = 2.0


class LogFile:
    """One log; `close` it, or use it as a context manager."""

    def __init__(
        self,
        path: Path,
        *,
        epoch: float,
        times: bool = False,
        failed: Callable[[FileUnwritable], None] = lambda _error: None,
        limit: int = LIMIT,
    ) -> None:
        """Append to `path`. Raises FileUnwritable.

        `epoch`: what makes an item's time one since 1970 (`time.time() - trio.current_time()`).
        `times`: whether lines begin with theirs. `failed` is called from the log's thread.
        """
        self.path = path
        self._epoch = epoch
        self._times = times
        self._failed = failed
        self._limit = limit
        self._waiting: deque[ConsoleItem] = deque()
        self._dropped = 0
        self._some, self._closing = threading.Event(), threading.Event()
        self._in_line = False
        try:
            self._file: IO[str] | None = _open(path)
        except OSError as error:
            raise _unwritable(path, error) from error
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def add(self, item: ConsoleItem) -> None:
        """Note an item. Never waits; after the end: does nothing."""
        if not isinstance(item, DeviceText | Notice) or self._file is None:
            return
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.append(item)
        else:
            self._dropped += 1
        self._some.set()

    def close(self) -> None:
        """Write what waits, and end. Within seconds, whatever the disk does."""
        self._closing.set()
        self._some.set()
        self._thread.join(_LAST_WORDS_S)

    def __enter__(self) -> LogFile:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self) -> None:
        try:
            while self._waiting or not self._closing.is_set():
                self._some.wait()
                self._closing.wait(_PAUSE_S)
                self._some.clear()
                self._write("".join(map(self._text, self._take())))
        except OSError as error:
            self._failed(_unwritable(self.path, error))
        finally:
            file, self._file = self._file, None
            _close(file)

    def _take(self) -> list[ConsoleItem]:
        items = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if self._dropped:
            items.append(Notice(f"{self._dropped:,} lines are missing here: the disk was too slow"))
            self._dropped = 0
        return items

    def _text(self, item: ConsoleItem) -> str:
        if isinstance(item, DeviceText):
            begin = "" if self._in_line else self._stamp(item.at + self._epoch)
            self._in_line = not item.complete
            return begin + plain(item.text) + "\n" * item.complete
        assert isinstance(item, Notice)
        begin, self._in_line = "\n" * self._in_line, False
        stamp = self._stamp(time.time())
        return begin + "".join(f"{stamp}{plain(line)}\n" for line in notice_lines(item))

    def _stamp(self, seconds: float) -> str:
        if not self._times:
            return ""
        milliseconds = round(seconds * 1000)
        day = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(milliseconds // 1000))
        return f"{day}.{milliseconds % 1000:03} "

    def _write(self, text: str) -> None:
        assert self._file is not None
        self._file.write(text)
        self._file.flush()
        if not self._in_line and self._file.seekable() and self._file.tell() > self._limit:
            self._file.close()
            rotate(self.path, OLD)
            self._file = _open(self.path)


def _open(path: Path) -> IO[str]:
    return path.open("a", encoding="utf-8", errors="replace", newline="\n")


def _close(file: IO[str] | None) -> None:
    """A full disk refuses once more, when what is buffered goes."""
    try:
        if file is not None:
            file.close()
    except OSError:
        return


def _unwritable(path: Path, error: OSError) -> FileUnwritable:
    return FileUnwritable(str(path), error.strerror or "it cannot be written")
