r"""Depfiles: which files a compiler says it read. Pure.

The format is make's, as gcc and clang write it (`-MMD -MF`).

Rules
- A line that ends in a backslash goes on in the next one.
- `\ ` is a space in a name, `\#` is `#`, `\:` is `:`, `$$` is `$`; any other backslash is itself
  (Windows). Before a space backslashes count in pairs: 2N+1 of them are N and the space.
- The colon after the targets is the first one before white space: `C:\x.o: ...` has one target.
- Rules without prerequisites (`-MP`) name no input.
"""

from __future__ import annotations

import re

_PIECE = re.compile(
    r"(?P<slashes>\\+)(?P<escaped>[ \t#:])"
    r"|(?P<dollar>\$\$)"
    r"|(?P<space>[ \t]+)"
    r"|(?P<colon>:(?=[ \t]|$))"
    r"|(?P<text>[^\\$ \t:]+|.)"
)


def parse(text: str) -> tuple[str, ...]:
    """All prerequisites, each once, in order. Raises ValueError for what is no depfile."""
    joined = re.sub(r"\\\r?\n", " ", text)
    found: dict[str, None] = {}
    for line in re.split(r"\r?\n", joined):  # other ends of lines are letters of a name
        if line.strip():
            found.update(dict.fromkeys(_prerequisites(line)))
    return tuple(found)


def _prerequisites(line: str) -> list[str]:
    if "\\" not in line and "$" not in line:  # nearly every line: worth its own, faster way
        _targets, colon, names = f"{line} ".partition(": ")
        if not colon:
            raise ValueError(f"{line!r} has no target")
        return names.split()
    words = _words(line)
    if None not in words:
        raise ValueError(f"{line!r} has no target")
    return [word for word in words[words.index(None) + 1 :] if word]


def _words(line: str) -> list[str | None]:
    """The names of a line; None stands for the colon after the targets."""
    words: list[str | None] = []
    word = ""
    for piece in _PIECE.finditer(line):
        if piece["slashes"]:
            text, ends = _unescape(len(piece["slashes"]), piece["escaped"])
            word += text
        else:
            ends = bool(piece["space"] or piece["colon"])
            word += "$" if piece["dollar"] else piece["text"] or ""
        is_colon = bool(piece["colon"]) and None not in words
        word += ":" if piece["colon"] and not is_colon else ""
        if ends:
            words.append(word)
            word = ""
        if is_colon:
            words.append(None)
    return [word for word in [*words, word] if word != ""]


def _unescape(slashes: int, escaped: str) -> tuple[str, bool]:
    """What backslashes before a special character mean, and whether the name ends there."""
    if escaped not in " \t":
        return "\\" * (slashes - 1) + escaped, False
    if slashes % 2 == 0:
        return "\\" * slashes, True
    return "\\" * (slashes // 2) + escaped, False
