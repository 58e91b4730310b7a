r"""Regular expressions of a person, who may type one that never ends: the only place that compiles them.

`re` tries a line of thirty letters against `(a+)+$` in a thousand million ways, and nothing can stop
it. So a pattern is read by `re`, and searched for by the `regex` package, whose searches have a limit.

Rules
- The language, its errors and what matches are those of `re`.
- A search has LIMIT_S, and so has all the searching for a frame of many lines, which begins with
  `renew`. What takes longer ends with PatternTooSlow.
- The package is imported by the first pattern: it takes 10 ms.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from time import thread_time
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from fbuild_watch.errors import PatternTooSlow

if TYPE_CHECKING:
    import regex

Match: TypeAlias = "regex.Match[str] | re.Match[str]"
"""What a search has found: the two have the same methods."""

T = TypeVar("T")

LIMIT_S = 1.0
"""Seconds. A line of 4096 characters takes a sensible pattern some microseconds, a poor one some ms."""

FREE_S = 0.0002
"""Seconds of a search that count for nothing: a slow machine has to look through 20,000 lines too."""

MOST_NODES = 20_000
"""Of a compiled pattern, beside its characters: some 0.1 s to make."""

_LITERAL_BRACE = re.compile(r"(\\(?:N\{[^}]*\}|.))|\{(?!\d*,?\d*\})", re.DOTALL)
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^]\\])*\]|\{(\d*)(?:,\d*)?\}|.", re.DOTALL)


class Pattern:
    """A compiled regular expression, and what is left of its time. For one thread at a time."""

    def __init__(self, compiled: regex.Pattern[str], pattern: str, what: str) -> None:
        """Made by `compile`."""
        self.pattern = pattern
        """As it was typed."""
        self._compiled = compiled
        self._what = what
        self._left = LIMIT_S

    def renew(self) -> None:
        """It has all of its time again."""
        self._left = LIMIT_S

    def search(self, line: str, start: int = 0) -> regex.Match[str] | None:
        """The first match from `start` on, however long others took. Raises PatternTooSlow."""
        self.renew()
        return self._limited(line, lambda left: self._compiled.search(line, start, timeout=left))

    def span(self, line: str) -> tuple[int, int] | None:
        """Where the first match begins and ends; in what is left of the time. Raises PatternTooSlow."""
        match = self._limited(line, lambda left: self._compiled.search(line, timeout=left))
        return match.span() if match else None

    def spans(self, line: str) -> list[tuple[int, int]]:
        """Of all matches; in what is left of the time. Raises PatternTooSlow."""
        return self._limited(
            line, lambda left: [m.span() for m in self._compiled.finditer(line, timeout=left)]
        )

    def _limited(self, line: str, find: Callable[[float], T]) -> T:
        began = thread_time()  # what other programs take of a busy machine is not the pattern's
        try:
            return find(max(0.0, self._left))  # to `regex`, a negative limit is none
        except TimeoutError:
            raise PatternTooSlow(self._what, self.pattern, line, LIMIT_S) from None
        finally:
            self._left -= max(0.0, thread_time() - began - FREE_S)


def compile(text: str, what: str) -> Pattern:
    """Raises re.error, with the position where there is one. `what` it is, for PatternTooSlow."""
    import regex

    try:
        _check(text)
        compiled = regex.compile(_LITERAL_BRACE.sub(_as_in_re, text), regex.VERSION0)
    except regex.error as error:
        raise re.error(str(error), text) from error
    except RecursionError:
        raise re.error("it is nested too deeply", text) from None
    except (OverflowError, ValueError):
        raise re.error("the repetition number is too large", text) from None
    return Pattern(compiled, text, what)


def _check(text: str) -> None:
    """Whether it is one to `re`, and one of a size that `regex` can make."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what may mean something else in a Python to come
        re.compile(text)
    if _nodes(text) > MOST_NODES + len(text):
        raise re.error("its repetitions multiply to too many", text)


def _as_in_re(brace: re.Match[str]) -> str:
    """A brace that counts nothing is a character to `re`; `{e}` allows errors to `regex`."""
    return brace[1] or r"\{"


def _nodes(text: str) -> int:
    """About what `regex` makes of it: it writes out each repetition that has to be there."""
    sizes, last = [0], 0  # of the groups that are open, and of what a count would repeat
    for token in _TOKEN.finditer(text):
        if token[0] == "(":
            sizes.append(0)
            continue
        if token[0] == ")" and len(sizes) > 1:
            last = sizes.pop()
        elif token[1]:
            last *= max(0, int(token[1]) - 1)
        else:
            last = 1
        sizes[-1] += last
    return sum(sizes)
