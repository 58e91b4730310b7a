"""The arguments of a console command: text after its name to words, or ValueError with what is wanted.

Pure. A file's path may hold blanks and backslashes, a regex anything: neither is split by a shell's
rules, but what a command needs is taken off the end it stands at.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fbuild_watch.text import patterns

Parse = Callable[[str], tuple[str, ...]]

TRANSFERS = ("raw", "xmodem", "xmodem-1k", "ymodem")


def nothing(text: str) -> tuple[str, ...]:
    """No arguments."""
    if text:
        raise ValueError("no arguments")
    return ()


def one_of(*words: str, optional: bool = False) -> Parse:
    """One of `words`; none of them, where that means the next one."""
    wanted = "one of: " + ", ".join(words)

    def parse(text: str) -> tuple[str, ...]:
        if not text and optional:
            return ()
        if text.lower() not in words:
            raise ValueError(wanted)
        return (text.lower(),)

    return parse


def number(text: str) -> tuple[str, ...]:
    """A whole number above zero."""
    if not text.isascii() or not text.isdecimal() or int(text) == 0:
        raise ValueError("a number")
    return (text,)


def regex(text: str) -> tuple[str, ...]:
    """A regular expression, or nothing."""
    if not text:
        return ()
    try:
        patterns.compile(text, "")
    except re.error as error:
        raise ValueError(f"a regular expression ({error})") from error
    return (text,)


def file_and_way(text: str) -> tuple[str, ...]:
    """A path, and how the file is to be sent: `raw:SECONDS` pauses so long after each line."""
    path, blank, way = text.rpartition(" ")
    if not blank or way.lower().partition(":")[0] not in TRANSFERS:
        path, way = text, ""
    path = _unquoted(path.strip())
    if not path:
        raise ValueError(f"a file, and how it is sent: {', '.join(TRANSFERS)}")
    return (path, way.lower()) if way else (path,)


def switch_and_file(text: str) -> tuple[str, ...]:
    """`on`, `on FILE`, `off`, or nothing for the other one."""
    word, _, rest = text.partition(" ")
    rest = _unquoted(rest.strip())
    if word not in ("", "on", "off") or (rest and word != "on"):
        raise ValueError("on, on FILE, or off")
    return tuple(part for part in (word, rest) if part)


def hex_bytes(text: str) -> tuple[str, ...]:
    """Bytes as hex digits, with or without blanks and 0x; given back as plain digits."""
    try:
        data = bytes.fromhex(re.sub(r"\b0x|[,;:]", " ", text, flags=re.IGNORECASE))
    except ValueError as error:
        raise ValueError("bytes in hex: 0a ff 31") from error
    if not data:
        raise ValueError("bytes in hex: 0a ff 31")
    return (data.hex(),)


def words(text: str) -> tuple[str, ...]:
    """Whatever was typed, at blanks."""
    return tuple(text.split())


def _unquoted(path: str) -> str:
    quoted = len(path) > 1 and path[0] == path[-1] and path[0] in "'\""
    return path[1:-1] if quoted else path
