"""What a headless console waits for, and what must not be seen. Pure: times come in.

Rules
- A line is searched as far as it has come, without escape sequences, and not across its end.
- Each --expect needs to be seen once, in any order; a --fail counts before an --expect in the same
  line, and both before a script.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from math import inf

from fbuild_watch.console.script import ScriptRun, Step
from fbuild_watch.errors import ExpectTimeout, FailMatched, InvalidPattern
from fbuild_watch.model import ConsoleInput, DeviceText
from fbuild_watch.text import patterns
from fbuild_watch.text.ansi import plain
from fbuild_watch.text.patterns import Pattern

_LONGEST_SEARCH = 64 * 1024
"""Characters of one line that are searched, from its end: a line may never end."""


class Goals:
    """Several at once: with none of them, only the caller's patience ends the console."""

    def __init__(
        self,
        expect: Iterable[str] = (),
        fail: Iterable[str] = (),
        *,
        count: int | None = None,
        script: Sequence[Step] | None = None,
    ) -> None:
        """`count`: whole lines, after which it is enough. Raises InvalidPattern."""
        self._expect = [_compile("--expect", pattern) for pattern in expect]
        self._fail = [_compile("--fail", pattern) for pattern in fail]
        self._lines_left = count
        self._script = ScriptRun(script) if script is not None else None
        self._searches = bool(self._expect or self._fail or self._script)
        self._open_ended = not self._expect and self._script is None
        self._line = ""

    @property
    def done(self) -> bool:
        """Whether there is nothing more to wait for."""
        if self._lines_left == 0:
            return True
        scripted = self._script is None or self._script.done
        return not self._open_ended and scripted and not self._expect

    @property
    def missing(self) -> list[str]:
        """The expected patterns that were not seen."""
        return [pattern.pattern for pattern in self._expect]

    @property
    def deadline(self) -> float:
        """When a step of the script has waited too long."""
        return self._script.deadline if self._script else inf

    def begin(self, now: float) -> list[ConsoleInput]:
        """What is to be sent before anything is seen."""
        return self._script.begin(now) if self._script else []

    def see(self, text: DeviceText, now: float) -> list[ConsoleInput]:
        """Search the line that `text` goes on with; what is to be sent.

        Raises FailMatched, PatternTooSlow.
        """
        if self._searches:
            self._extend(plain(text.text))
        for pattern in self._fail:
            if pattern.search(self._line):
                raise FailMatched(pattern.pattern, self._line)
        self._expect = [pattern for pattern in self._expect if not pattern.search(self._line)]
        sent = self._script.see(self._line, now) if self._script else []
        if text.complete:
            self._end_line()
        return sent

    def unmet(self, began: float, now: float) -> ExpectTimeout | None:
        """Why it is no success when it ends now: the step that waits, or what is missing."""
        if self._script and not self._script.done:
            return self._script.give_up(now)
        return ExpectTimeout(self.missing, now - began) if self._expect else None

    def _extend(self, text: str) -> None:
        line = self._line + text
        self._line = line[-_LONGEST_SEARCH:]
        if self._script:
            self._script.drop(len(line) - len(self._line))

    def _end_line(self) -> None:
        self._line = ""
        if self._script:
            self._script.end_line()
        if self._lines_left:
            self._lines_left -= 1


def _compile(option: str, pattern: str) -> Pattern:
    try:
        return patterns.compile(pattern, option)
    except re.error as error:
        raise InvalidPattern(option, pattern, str(error)) from error
