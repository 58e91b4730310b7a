"""The console. The tree and the rules stand in the package."""

from __future__ import annotations

from fbuild_watch.errors.base import FbuildError


class ConsoleError(FbuildError):
    """A headless console did not see what it was told to wait for."""

    code = "console"
    exit_code = 70


class ExpectTimeout(ConsoleError):
    """A time passed before every --expect, or that of a script's step, was seen."""

    code = "expect-timeout"
    exit_code = 71

    def __init__(self, missing: list[str], seconds: float, *, where: str = "") -> None:
        """`where`: the file and line of a script, and its word."""
        what = ", ".join(repr(pattern) for pattern in missing) or "the end of output"
        super().__init__(
            f"{where}{what} was not seen within {round(seconds, 1):g} s",
            hint="the output so far is above; raise the timeout, or check the pattern",
            missing=missing,
            seconds=seconds,
        )


class FailMatched(ConsoleError):
    """A --fail pattern was seen, or that of a script."""

    code = "fail-matched"
    exit_code = 72

    def __init__(self, pattern: str, line: str, *, where: str = "--fail") -> None:
        super().__init__(
            f"the board printed {line!r}, which matches {where} {pattern!r}",
            hint="the output before it is above",
            pattern=pattern,
            line=line,
        )


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


class PatternTooSlow(ConsoleError):
    """A regular expression that tries a line in too many ways (catastrophic backtracking)."""

    code = "pattern-too-slow"
    exit_code = 87
    pattern: str
    _SHOWN = 60
    """Characters of the line: it may have thousands."""

    def __init__(self, what: str, pattern: str, line: str, seconds: float) -> None:
        """`what` the pattern is: an option, a command, a script's line and its word."""
        shown = line if len(line) <= self._SHOWN else f"{line[: self._SHOWN]}…"
        super().__init__(
            f"{what} {pattern!r} was still being searched for after {seconds:g} s, in {shown!r}",
            hint="write it without a repetition inside another one, as in (a+)+ or (.*,)*",
            what=what,
            pattern=pattern,
            line=line,
            seconds=seconds,
        )


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
        steps = "expect REGEX, fail REGEX, send TEXT, hex BYTES, reset, timeout SECONDS, # comment"
        super().__init__(
            f"{file}:{line}: {reason}" if line else f"{file}: {reason}",
            hint=f"a line is one of: {steps}"
            if line
            else f"check the path, which counts from here; a script is a text of lines: {steps}",
            file=file,
            line=line,
            reason=reason,
        )
