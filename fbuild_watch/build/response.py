"""Commands that are longer than a system takes: the files that they name go into one, `@FILE`.

gcc, clang, ar, ld and zig read such a response file: words with white space between them, a backslash
before each character that would end or quote one. All else of a command stays in it, so that what
stands in the logs, and who understands no response files, meets one only where there is no other way.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Sequence
from itertools import chain, groupby
from pathlib import Path

LIMIT = 30_000 if sys.platform == "win32" else max(100_000, os.sysconf("SC_ARG_MAX") // 2)
"""Characters. Windows takes 32,767; others so many bytes (Linux 2 MiB), with the environment."""

_SPECIAL = re.compile(r"([\s\\\"'])")


def shortened(
    argv: Sequence[str], files: Collection[str], place: Path, limit: int | None = None
) -> tuple[str, ...]:
    """A command that the system takes: itself, or with its longest run of `files` in `place`, which
    is then written. Raises OSError.
    """
    if sum(map(len, argv)) + len(argv) <= (LIMIT if limit is None else limit):
        return tuple(argv)
    is_file = frozenset(files).__contains__
    runs = [(named, list(words)) for named, words in groupby(argv[1:], is_file)]
    longest = max((words for named, words in runs if named), key=len, default=[])
    if len(longest) < 2:  # one word is no shorter in a file
        return tuple(argv)
    text = _SPECIAL.sub(r"\\\1", "\0".join(longest)).replace("\0", "\n")
    place.write_bytes(os.fsencode(text))
    kept = ([f"@{place}"] if words is longest else words for _, words in runs)
    return (argv[0], *chain.from_iterable(kept))
