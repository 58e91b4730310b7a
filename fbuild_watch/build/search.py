"""Where a compiler looks for headers, from its command line. Pure."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator

_OPTIONS = ("-I", "-iquote", "-isystem", "-idirafter", "--include-directory", "--embed-dir")
_AFTER_PREFIX = ("-iwithprefixbefore", "-iwithprefix")
_PREFIX = "-iprefix"
_MAY_NAME = ("-I", "-i", "--include-directory", "--embed-dir")
_VARIABLES = ("CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH")
_DEEPEST = 8
"""Files of words may name more of them."""


def folders(argv: Iterable[str]) -> Iterator[str]:
    """The folders that a command names for headers, as they stand in it."""
    words = iter(argv)
    prefix = ""
    for word in words:
        if not word.startswith(_MAY_NAME):
            continue
        if option := _begins(word, (_PREFIX,)):
            prefix = _value(word, option, words)
            yield prefix
        elif option := _begins(word, _AFTER_PREFIX):
            yield prefix + _value(word, option, words)
        elif (option := _begins(word, _OPTIONS)) and (found := _value(word, option, words)):
            yield found


def in_variables(environment: Iterable[str]) -> Iterator[str]:
    """The folders that variables (`NAME=value`) name for headers."""
    for name, _, value in (text.partition("=") for text in environment):
        if name in _VARIABLES:
            yield from filter(None, value.split(os.pathsep))


def _begins(word: str, options: Iterable[str]) -> str | None:
    return next((option for option in options if word.startswith(option)), None)


def _value(word: str, option: str, words: Iterator[str]) -> str:
    """What an option is given, joined to it or as the next word."""
    return word[len(option) :].removeprefix("=") or next(words, "")


def spelled_out(
    argv: Iterable[str], read: Callable[[str], str], deepest: int = _DEEPEST
) -> Iterator[str]:
    """A command with its files of words (`@flags`) in their places.

    `read` gives a file's text, or raises OSError: then the word stays, as it does for a compiler.
    """
    for word in argv:
        if not (word.startswith("@") and deepest):
            yield word
            continue
        try:
            words = shlex.split(read(word[1:]))
        except (OSError, ValueError):
            yield word
        else:
            yield from spelled_out(words, read, deepest - 1)


def absolute(project: str, names: Iterable[str]) -> tuple[str, ...]:
    """Folders as a compiler that runs in `project` finds them."""
    return tuple(os.path.normpath(os.path.join(project, name)) for name in names)  # noqa: PTH118
