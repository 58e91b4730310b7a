"""Versions and what may be asked of them. Pure.

Versions are compared as semver.org has it, relaxed as Arduino's indexes need it: parts may be
missing ("1.8"), more than three are fine, and a text that is no number sorts below all that are.

A constraint is `1.2.3` (just this), `^1.2.3`, `~1.2`, `>=1`, `>`, `<=`, `<`, `=`, `!=`, `*` or nothing.
A comma, a space or `&&` joins two that must both hold, `||` two of which one must; one level of
parentheses is read and means nothing more. (PlatformIO's forms and those of Arduino's library index.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")

_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)(?:[-.]?([0-9A-Za-z][0-9A-Za-z.\-_]*))?(?:\+.*)?")
_TERM = re.compile(r"(\^|~|>=|<=|!=|==|=|>|<)?\s*(v?\d[\w.\-+]*|\*)")
_MOST_DIGITS = 18

Key = tuple[tuple[int, ...], tuple[tuple[int, int, str], ...]]


@lru_cache(4096)
def key(version: str) -> Key:
    """What versions are sorted by. A release comes after its own prereleases."""
    match = _VERSION.fullmatch(version.strip())
    if match is None:
        return (-1,), ((0, 0, version),)
    numbers = _trimmed([_number(part) for part in match[1].split(".")])
    if not match[2]:
        return numbers, ((2, 0, ""),)
    return numbers, tuple(_identifier(part) for part in match[2].split("."))


def is_prerelease(version: str) -> bool:
    """Whether the version says of itself that it is not done yet ("2.0.0-rc1")."""
    return key(version)[1] != ((2, 0, ""),)


def is_constraint(text: str) -> bool:
    """Whether the text can be asked of a version."""
    return all(_terms(choice) is not None for choice in text.split("||"))


def satisfies(version: str, constraint: str) -> bool:
    """Whether a version is one that the constraint allows."""
    return any(_allowed(version, choice) for choice in constraint.split("||"))


def best(candidates: Iterable[T], constraint: str, version_of: Callable[[T], str]) -> T | None:
    """The newest candidate that the constraint allows; a prerelease only if it must be."""
    allowed = [one for one in candidates if satisfies(version_of(one), constraint)]
    stable = [one for one in allowed if not is_prerelease(version_of(one))]
    return max(stable or allowed, key=lambda one: key(version_of(one)), default=None)


def _allowed(version: str, choice: str) -> bool:
    terms = _terms(choice)
    if terms is None:  # a version that is no number, as some tools have it
        return version == choice.strip()
    return all(_holds(version, operator, wanted) for operator, wanted in terms)


def _number(text: str) -> int:
    return int(text[:_MOST_DIGITS])


def _trimmed(numbers: list[int]) -> tuple[int, ...]:
    """1.8 is 1.8.0: zeros at the end say nothing."""
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _identifier(text: str) -> tuple[int, int, str]:
    """Numbers sort below words (semver.org, rule 11)."""
    return (0, _number(text), "") if text.isascii() and text.isdigit() else (1, 0, text)


def _terms(choice: str) -> list[tuple[str, str]] | None:
    """The (operator, version) pairs that must all hold; None where it is no constraint."""
    text = choice.strip().removeprefix("(").removesuffix(")").replace("&&", " ").replace(",", " ")
    left = _TERM.sub(" ", text).strip()
    if left:
        return None
    return [(match[1] or "", match[2]) for match in _TERM.finditer(text)]


def _holds(version: str, operator: str, wanted: str) -> bool:
    if wanted == "*":
        return True
    have, want = key(version), key(wanted)
    match operator:
        case ">=":
            return have >= want
        case "<=":
            return have <= want
        case ">":
            return have > want
        case "<":
            return have < want
        case "!=":
            return have != want
        case "^" | "~":
            return want <= have and have[0] < _ceiling(operator, wanted)
        case _:
            return have == want


def _ceiling(operator: str, wanted: str) -> tuple[int, ...]:
    """The first numbers that are too new: `^` keeps the first one that is not 0, `~` the second."""
    match = _VERSION.fullmatch(wanted)
    numbers = [_number(part) for part in match[1].split(".")] if match else [0]
    if operator == "^":
        kept = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)
    else:
        kept = min(1, len(numbers) - 1)
    return (*numbers[:kept], numbers[kept] + 1)
