"""Flags as PlatformIO's builder reads them: words, and the builder's own `$NAME`. Pure.

Rules
- Each item is split as a shell splits it; a flag and its value (`-D NAME`) become one word.
- `$NAME` and `${NAME}` are the builder's variables; `$$` is a dollar sign.
- The path of the project's folder is no place for variables: a folder may be called `cost$x`.
- `!COMMAND` would run a command while flags are read: that is not done, and `refused` says so.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|(?P<bare>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)\})")
_WITH_VALUE = ("-D", "-U", "-I", "-L", "-l")


@dataclass(slots=True)
class FlagWords:
    """Reads flags; remembers what it could not read."""

    variables: Mapping[str, str]
    folder: str
    """The project's; its path stands in a text where `${PROJECT_DIR}` stood."""
    refused: list[str] = field(default_factory=list)
    """Commands and unknown variables, in words."""

    def split(self, items: Iterable[str]) -> tuple[str, ...]:
        """All words of all items. Raises ValueError where a quote is not closed."""
        return tuple(word for item in items for word in self._item(item))

    def expand(self, text: str) -> str:
        """Put the values of the builder's variables in; an unknown one stays as it is."""

        def value(match: re.Match[str]) -> str:
            if match["dollar"]:
                return "$"
            name = match["bare"] or match["braced"]
            if name not in self.variables:
                self.refused.append(f"${name} is known to PlatformIO's builder only")
            return self.variables.get(name, match[0])

        return self.folder.join(_VARIABLE.sub(value, part) for part in text.split(self.folder))

    def _item(self, item: str) -> Iterator[str]:
        if item.startswith("!"):
            self.refused.append(f"the command {item[1:].strip()!r} is not run for its flags")
            return
        words = iter(shlex.split(item))
        for word in words:
            value = next(words, "") if word in _WITH_VALUE else ""
            yield self.expand(word + value)
