"""The console. The tree and the rules stand in the package."""

from __future__ import annotations

from fbuild_watch.errors.process import ConsoleError


class InvalidCommand(ConsoleError):
    """A command of the console with arguments that mean nothing, or at a wrong moment."""

    code = "invalid-command"
    exit_code = 83

    def __init__(self, reason: str, expected: str) -> None:
        super().__init__(reason, hint=expected, reason=reason)
