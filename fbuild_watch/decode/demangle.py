"""C++ names from linker symbols, as far as a backtrace needs: `_ZN5Pump5startEi` is `Pump::start`.

Of the Itanium C++ ABI (5.1, mangling): nested and plain names, constructors and destructors. What
is beyond that (templates, operators) stays as it is; with debug information nobody asks here.
"""

from __future__ import annotations

import re

_LENGTH = re.compile(r"\d+")
_ANONYMOUS = "_GLOBAL__N_1"
_SPECIAL = {"C1": "", "C2": "", "C3": "", "D0": "~", "D1": "~", "D2": "~"}


def demangle(symbol: str) -> str:
    """The name in words of the source, or `symbol` as it is."""
    match = re.match(r"_Z(?:L|(N)[rVK]*)?(?=\d)", symbol)
    if match is None:
        return symbol
    parts, rest = _parts(symbol[match.end() :], nested=match[1] is not None)
    if not parts or rest.startswith("I"):
        return symbol  # a template: half a name would mislead
    if match[1] and rest[:2] in _SPECIAL:
        parts.append(_SPECIAL[rest[:2]] + parts[-1])
    elif match[1] and not rest.startswith("E"):
        return symbol
    return "::".join(part for part in parts if part != _ANONYMOUS)


def _parts(text: str, *, nested: bool) -> tuple[list[str], str]:
    parts: list[str] = []
    while (length := _LENGTH.match(text)) and (nested or not parts):
        end = length.end() + int(length[0])
        if end > len(text):
            return [], text
        parts.append(text[length.end() : end])
        text = text[end:]
    return parts, text
