"""What every error has. The tree and the rules stand in the package."""

from __future__ import annotations

from typing import Any, ClassVar


class FbuildError(Exception):
    """The base: what happened (`str`), what to do next (`hint`), a stable `code`, an exit code."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", **fields: Any) -> None:
        super().__init__(message)
        self.hint = hint
        self._fields = fields
        for name, value in fields.items():
            setattr(self, name, value)

    def fields(self) -> dict[str, Any]:
        """The values the error is about, by name (for JSON and for tests)."""
        return dict(self._fields)


class InternalError(FbuildError):
    """A defect of fbuild itself."""

    code = "internal"
    exit_code = 1
