"""The two ways to refer to another value in a platformio.ini, as PlatformIO expands them. Pure.

    ${section.option}  ${sysenv.NAME}  ${this.option}  ${PROJECT_DIR}   PlatformIO's own
    %(option)s  %%                                                      configparser's

Rules
- `%` is expanded first, within the section where the text stands; `%%` is a percent sign.
- What `${...}` gives is not looked at again: it was expanded where it came from.
- `${NAME}` without a point that PlatformIO does not know is left as it is, for its builder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_PERCENT = re.compile(r"%(?:(?P<percent>%)|\((?P<name>[^)]+)\)s)?")
_REFERENCE = re.compile(r"\$\{(?:(?P<section>[^.}()]+)\.)?(?P<option>[^}]+)\}")
_UNBRACED_HASH = re.compile(r"(?<!\$)\$PROJECT_HASH")
_DEPTH = 10
"""configparser's limit of %(a)s that leads to %(b)s."""


def variables(text: str) -> Iterator[str]:
    """The names of the environment's variables that a text refers to."""
    for match in _REFERENCE.finditer(text):
        if match["section"] == "sysenv" and "=" not in match["option"]:
            yield match["option"]


class BadReference(Exception):
    """A reference that cannot be followed; the text says why."""


def expand_percent(text: str, lookup: Callable[[str], str | None], depth: int = 1) -> str:
    """Expand `%(name)s` and `%%`. Raises BadReference."""
    if "%" not in text:
        return text
    if depth > _DEPTH:
        raise BadReference("%(...)s leads to another value more than ten times")

    def value(match: re.Match[str]) -> str:
        if match["percent"]:
            return "%"
        name = match["name"]
        if not name:
            raise BadReference("a percent sign must be written %%")
        found = lookup(name.lower())
        if found is None:
            raise BadReference(f"%({name})s names no option of this section")
        return expand_percent(found, lookup, depth + 1)

    return _PERCENT.sub(value, text)


def expand(text: str, resolve: Callable[[str | None, str], str | None]) -> str:
    """Expand `${section.option}`: `resolve(section, option)`; section None: `${NAME}`.

    None from `resolve` leaves the reference as it is.
    """
    if "$" not in text:
        return text
    text = _UNBRACED_HASH.sub("${PROJECT_HASH}", text)

    def value(match: re.Match[str]) -> str:
        found = resolve(match["section"], match["option"])
        return match[0] if found is None else found

    return _REFERENCE.sub(value, text)
