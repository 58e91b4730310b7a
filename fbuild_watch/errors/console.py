"""The console. The tree and the rules stand in the package."""

from __future__ import annotations

from fbuild_watch.errors.process import ConsoleError


class InvalidCommand(ConsoleError):
    """A command of the console with arguments that mean nothing, or at a wrong moment."""

    code = "invalid-command"
    exit_code = 83

    def __init__(self, reason: str, expected: str) -> None:
        super().__init__(reason, hint=expected, reason=reason)


class ExtraMissing(ConsoleError):
    """Something that needs a library which is not installed with fbuild by default."""

    code = "extra-missing"
    exit_code = 85

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            what,
            hint=f'install it with: pip install "fbuild-watch[{extra}]"',
            what=what,
            extra=extra,
        )


class TransferFailed(ConsoleError):
    """A file that was to be sent to the board did not get there."""

    code = "transfer-failed"
    exit_code = 86

    def __init__(self, path: str, protocol: str, reason: str, hint: str) -> None:
        super().__init__(
            f"{path} was not sent: {reason}",
            hint=hint,
            path=path,
            protocol=protocol,
            reason=reason,
        )


class InvalidScript(ConsoleError):
    """A --script that cannot be read, or has a line that is no step."""

    code = "invalid-script"
    exit_code = 84
    file: str
    line: int | None

    def __init__(self, file: str, line: int | None, reason: str) -> None:
        where = f"{file}:{line}" if line else file
        super().__init__(
            f"{where}: {reason}",
            hint="a line is one of: expect REGEX, fail REGEX, send TEXT, hex BYTES, reset, "
            "timeout SECONDS, # comment",
            file=file,
            line=line,
            reason=reason,
        )
