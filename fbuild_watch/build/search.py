"""Where a compiler looks for headers, from its command line. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_OPTIONS = ("-I", "-iquote", "-isystem", "-idirafter")


def folders(argv: Iterable[str]) -> Iterator[str]:
    """The folders that a command names for headers, as they stand in it."""
    words = iter(argv)
    for word in words:
        if word[:2] in ("-I", "-i"):
            option = next((name for name in _OPTIONS if word.startswith(name)), None)
            if option is not None:
                found = word[len(option) :] or next(words, "")
                if found:
                    yield found
