"""Programs that fbuild starts. The tree and the rules stand in the package."""

from __future__ import annotations

from fbuild_watch.errors.base import FbuildError


class CommandNotStarted(FbuildError):
    """The system did not start a program."""

    code = "command-not-started"
    exit_code = 82
    program: str
    missing: bool
    """Whether there is no such program."""

    def __init__(self, program: str, reason: str, *, missing: bool = False) -> None:
        super().__init__(
            f"{program} cannot be started: {reason}",
            hint="is it installed, and on PATH?" if missing else "look at its file's permissions",
            program=program,
            reason=reason,
            missing=missing,
        )
