"""The virtual board. The tree and the rules stand in the package."""

from __future__ import annotations

from fbuild_watch.errors.base import FbuildError
from fbuild_watch.errors.process import ConsoleError


class BoardUnusable(FbuildError):
    """The virtual board cannot be set up: its chip, its flash file, its port."""

    code = "board-unusable"
    exit_code = 80


class InvalidPattern(ConsoleError):
    """An --expect or --fail is no regular expression: wrong usage."""

    code = "invalid-pattern"
    exit_code = 2

    def __init__(self, option: str, pattern: str, reason: str) -> None:
        super().__init__(
            f"{option} {pattern!r} is no regular expression ({reason})",
            hint="put a backslash before ( ) [ ] { } . * + ? ^ $ | \\ to mean the character itself",
            option=option,
            pattern=pattern,
            reason=reason,
        )
