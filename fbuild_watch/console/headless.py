"""The console without a terminal: lines to one stream, fbuild's words to another, regexes that decide.

Rules
- What the board says goes to `out` as it comes, a prompt without newline too, and is written at once.
- --expect and --fail are searched in the line so far, without escape sequences. Each --expect
  needs to be seen once, in any order; a --fail counts before an --expect in the same line.
- A reader of `out` that goes away (a closed pipe) ends the console quietly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

import trio

from fbuild_watch.console.ansi import plain
from fbuild_watch.console.notices import notice_lines
from fbuild_watch.console.output import Write
from fbuild_watch.errors import ExpectTimeout, FailMatched, InvalidPattern
from fbuild_watch.model import ConsoleItem, DeviceText, Notice

_LONGEST_SEARCH = 64 * 1024
"""Characters of one line that are searched, from its end: a line may never end."""


@dataclass(slots=True)
class Patterns:
    """What is still to be seen, and what must not be. Pure."""

    expect: list[re.Pattern[str]]
    fail: list[re.Pattern[str]]
    _line: str = field(default="", init=False)

    def see(self, text: DeviceText) -> None:
        """Search the line that `text` goes on with. Raises FailMatched."""
        self._line = (self._line + text.text)[-_LONGEST_SEARCH:]
        line = plain(self._line)
        for pattern in self.fail:
            if pattern.search(line):
                raise FailMatched(pattern.pattern, line)
        self.expect = [pattern for pattern in self.expect if not pattern.search(line)]
        if text.complete:
            self._line = ""

    @property
    def missing(self) -> list[str]:
        """The expected patterns that were not seen."""
        return [pattern.pattern for pattern in self.expect]


async def run_headless(
    items: trio.MemoryReceiveChannel[ConsoleItem],
    *,
    expect: Sequence[str],
    fail: Sequence[str],
    timeout: float | None,  # noqa: ASYNC109 - it decides the outcome, it is no plain cancellation
    out: Write,
    words: Write,
    from_proof: bool = False,
) -> None:
    """Show `items` until every --expect was seen, until `timeout` seconds passed, or until they end.

    `from_proof`: patterns count from the first `Notice.proven` on, not for an older firmware.

    Raises: ExpectTimeout when an --expect is still missing then, FailMatched at once,
    InvalidPattern before anything else.
    """
    patterns = Patterns(_compile("--expect", expect), _compile("--fail", fail))
    start = trio.current_time()
    counts = not from_proof
    try:
        with trio.move_on_after(inf if timeout is None else timeout):
            async for item in items:
                await _show(item, out, words)
                counts = counts or (isinstance(item, Notice) and item.proven is not None)
                if counts and isinstance(item, DeviceText):
                    patterns.see(item)
                    if expect and not patterns.missing:
                        return
    except BrokenPipeError:
        return
    if patterns.missing:
        raise ExpectTimeout(patterns.missing, trio.current_time() - start)


async def _show(item: ConsoleItem, out: Write, words: Write) -> None:
    if isinstance(item, DeviceText):
        await out(item.text + ("\n" if item.complete else ""))
    elif isinstance(item, Notice):
        await words("".join(f"{line}\n" for line in notice_lines(item)))


def _compile(option: str, patterns: Sequence[str]) -> list[re.Pattern[str]]:
    return [_compile_one(option, pattern) for pattern in patterns]


def _compile_one(option: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise InvalidPattern(option, pattern, str(error)) from error
