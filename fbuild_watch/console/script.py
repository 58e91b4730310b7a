r"""Steps of a script that tests firmware: what is sent, what has to be seen, in order. Pure.

One step a line, everything after its word belongs to it; empty lines and lines that begin with `#`
are skipped:

    timeout 5                   for each `expect` from here on; 10 seconds if nothing is said
    fail    Guru Meditation     from here on, this ends the test
    expect  ^ready              a regex, searched in the line so far, without escape sequences
    send    led on              with the line ending that the console sends
    hex     03 04               bytes
    reset                       restarts the board

Rules
- There is no step to sleep: what has to have happened is expected.
- What an `expect` looks at begins where the one before it matched: one line can answer several.
- A `fail` counts before an `expect` that matches in the same line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path

from fbuild_watch.errors import ExpectTimeout, FailMatched, InvalidScript
from fbuild_watch.model import Command, ConsoleInput, Typed
from fbuild_watch.text import patterns
from fbuild_watch.text.patterns import Pattern

LIMIT_S = 10.0
"""Seconds that an `expect` waits where no `timeout` was said."""


@dataclass(frozen=True, slots=True)
class Expect:
    """Has to be seen within `limit` seconds; `where` is its file and line."""

    where: str
    pattern: Pattern
    limit: float


@dataclass(frozen=True, slots=True)
class Fail:
    """Must not be seen from here on."""

    where: str
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Send:
    """Goes to the board."""

    given: ConsoleInput


Step = Expect | Fail | Send


def load(path: Path, eol: bytes) -> list[Step]:
    """The steps in a file. Raises InvalidScript."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidScript(str(path), None, error.strerror or "it cannot be read") from error
    except UnicodeDecodeError as error:
        raise InvalidScript(str(path), None, f"it is no UTF-8 ({error.reason})") from error
    return parse(text, str(path), eol)


def parse(text: str, name: str, eol: bytes) -> list[Step]:
    """The steps in `text`, which is called `name` in errors. Raises InvalidScript."""
    return list(_Parser(name, eol).steps(text))


class _Parser:
    def __init__(self, name: str, eol: bytes) -> None:
        self._name = name
        self._eol = eol
        self._limit = LIMIT_S
        self._line = 0

    def steps(self, text: str) -> Iterator[Step]:
        for self._line, line in enumerate(text.splitlines(), 1):
            verb, _, rest = line.strip().partition(" ")
            if verb and not verb.startswith("#"):
                yield from self._step(verb, rest.strip())

    def _step(self, verb: str, rest: str) -> Iterator[Step]:
        match verb:
            case "expect":
                yield Expect(self._where, self._regex(verb, rest), self._limit)
            case "fail":
                yield Fail(self._where, self._regex(verb, rest))
            case "send":
                yield Send(Typed(rest.encode() + self._eol))
            case "hex":
                yield Send(Typed(self._bytes(rest)))
            case "reset" if not rest:
                yield Send(Command("reset"))
            case "timeout":
                self._limit = self._seconds(rest)
            case _:
                raise self._invalid(f"{f'{verb} {rest}'.strip()!r} is no step")

    @property
    def _where(self) -> str:
        return f"{self._name}:{self._line}"

    def _regex(self, verb: str, text: str) -> Pattern:
        if not text:
            raise self._invalid("a regex is missing")
        try:
            return patterns.compile(text, f"{self._where}: {verb}")
        except re.error as error:
            raise self._invalid(f"{text!r} is no regular expression: {error}") from error

    def _bytes(self, text: str) -> bytes:
        try:
            return bytes.fromhex(text)
        except ValueError as error:
            raise self._invalid(f"{text!r} are no bytes in hex (03 0d 0a)") from error

    def _seconds(self, text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not seconds > 0 or not isfinite(seconds):
            raise self._invalid(f"{text!r} is no number of seconds")
        return seconds

    def _invalid(self, reason: str) -> InvalidScript:
        return InvalidScript(self._name, self._line, reason)


class ScriptRun:
    """A script that is being played. Times are the caller's."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = list(steps)
        self._next = 0
        self._fails: list[Fail] = []
        self._from = 0
        """Where in the line the next match may begin."""
        self._began = inf

    @property
    def done(self) -> bool:
        """Whether every step was taken."""
        return self._next == len(self._steps)

    @property
    def deadline(self) -> float:
        """When the step that waits has waited too long; infinite where none does."""
        step = self._waiting
        return self._began + step.limit if step else inf

    @property
    def _waiting(self) -> Expect | None:
        step = None if self.done else self._steps[self._next]
        return step if isinstance(step, Expect) else None

    def begin(self, now: float) -> list[ConsoleInput]:
        """Start, or go on behind an `expect` that matched; what is to be sent now."""
        self._began = now
        sent: list[ConsoleInput] = []
        while not self.done and not self._waiting:
            step = self._steps[self._next]
            if isinstance(step, Send):
                sent.append(step.given)
            elif isinstance(step, Fail):
                self._fails.append(step)
            self._next += 1
        return sent

    def see(self, line: str, now: float) -> list[ConsoleInput]:
        """A line, or as much of it as there is; what is to be sent now.

        Raises FailMatched, PatternTooSlow.
        """
        for fail in self._fails:
            if fail.pattern.search(line):
                raise FailMatched(fail.pattern.pattern, line, where=f"{fail.where}: fail")
        sent: list[ConsoleInput] = []
        while (step := self._waiting) and (match := step.pattern.search(line, self._from)):
            self._from = match.end()
            self._next += 1
            sent += self.begin(now)
        return sent

    def end_line(self) -> None:
        """What comes is another line."""
        self._from = 0

    def drop(self, count: int) -> None:
        """The line has lost so many characters at its beginning."""
        self._from = max(0, self._from - count)

    def give_up(self, now: float) -> ExpectTimeout:
        """The error for the step that waits, or would be the first to wait."""
        left = [step for step in self._steps[self._next :] if isinstance(step, Expect)]
        where = f"{left[0].where}: expect " if left else ""
        missing = [step.pattern.pattern for step in left[:1]]
        return ExpectTimeout(missing, max(0.0, now - self._began), where=where)
