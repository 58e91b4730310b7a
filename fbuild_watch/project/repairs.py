"""Known defects of packaged cores, and the flags that mend them. Data, no code for any family.

An entry says which package it is about, by the name and version in its platform.txt, what is wrong
with it, and what is added to `compiler.cpp.extra_flags`. It must do no harm where the defect is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Repair:
    """A defect of one package."""

    name: str
    version: str
    defect: str
    cpp_flags: str


_KNOWN = (
    Repair(
        name="Arduino AVR Boards (Debian packaged)",
        version="1.8.7",
        # WString.cpp takes DECIMAL_DIG from <float.h>, where gcc 5 has it for C99 only, not for
        # C++11; bookworm has both. A <float.h> that has it replaces this definition by the same.
        defect="DECIMAL_DIG, which gcc-avr 5 lacks in C++, is defined",
        cpp_flags="-DDECIMAL_DIG=__DECIMAL_DIG__",
    ),
)


def of(platform: Mapping[str, str]) -> list[Repair]:
    """The repairs for a platform, from its platform.txt."""
    named = (platform.get("name"), platform.get("version"))
    return [repair for repair in _KNOWN if (repair.name, repair.version) == named]


def flags(platform: Mapping[str, str]) -> dict[str, str]:
    """The properties that repair a platform."""
    added = " ".join(repair.cpp_flags for repair in of(platform))
    key = "compiler.cpp.extra_flags"
    return {key: f"{platform.get(key, '')} {added}"} if added else {}
