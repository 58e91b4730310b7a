"""How a headless console prints: plain lines, or one JSON object a line (docs/json.md)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Protocol

from fbuild_watch.console.notices import notice_lines
from fbuild_watch.console.output import Write
from fbuild_watch.errors import FbuildError
from fbuild_watch.model import ConsoleItem, DeviceText, Notice
from fbuild_watch.system.epoch import to_epoch
from fbuild_watch.text.ansi import plain


class Printed(Protocol):
    """Where a headless console shows what happens."""

    async def show(self, items: Sequence[ConsoleItem]) -> None:
        """In order. Raises BrokenPipeError when nobody reads any more."""

    async def end(self, error: FbuildError | None) -> None:
        """That was all, and its outcome."""


class Lines:
    """What the board says to one stream, fbuild's words to another."""

    def __init__(self, out: Write, words: Write) -> None:
        self._out = out
        self._words = words

    async def show(self, items: Sequence[ConsoleItem]) -> None:
        """Many lines are one write, in the order of both streams."""
        for kind, group in groupby(items, type):
            if kind is DeviceText:
                await self._out("".join(map(_piece, group)))
            elif kind is Notice:
                await self._words("".join(map(_words, group)))

    async def end(self, error: FbuildError | None) -> None:
        """The exit code says it, and the error's own words."""


class JsonLines:
    """Everything to one stream, as objects."""

    def __init__(self, out: Write) -> None:
        self._out = out

    async def show(self, items: Sequence[ConsoleItem]) -> None:
        """An object for each."""
        await self._print(filter(None, map(_object, items)))

    async def end(self, error: FbuildError | None) -> None:
        """The last object."""
        await self._print([_outcome(error)])

    async def _print(self, objects: Iterable[dict[str, Any]]) -> None:
        if text := "".join(f"{json.dumps(one)}\n" for one in objects):
            await self._out(text)


def _piece(text: ConsoleItem) -> str:
    assert isinstance(text, DeviceText)
    return f"{text.text}\n" if text.complete else text.text


def _words(notice: ConsoleItem) -> str:
    assert isinstance(notice, Notice)
    return "".join(f"{plain(line)}\n" for line in notice_lines(notice))


def _object(item: ConsoleItem) -> dict[str, Any] | None:
    match item:
        case DeviceText(text, complete, at):
            return {"type": "text", "time": to_epoch(at), "text": text, "complete": complete}
        case Notice(text, kind, proven):
            said = {"type": "notice", "time": time.time(), "text": plain(text), "kind": kind}
            return said | {"proven": proven}
    return None


def _outcome(error: FbuildError | None) -> dict[str, Any]:
    if error is None:
        return {"type": "end", "time": time.time(), "ok": True, "error": None}
    words = {"code": error.code, "message": str(error), "hint": error.hint}
    return {"type": "end", "time": time.time(), "ok": False, "error": words}
