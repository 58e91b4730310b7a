"""The project's own files do not say what to do. The tree and the rules stand in the package."""

from __future__ import annotations

from fbuild_watch.errors.base import FbuildError


class ProjectError(FbuildError):
    """The project's own files do not say what to do."""

    code = "project"
    exit_code = 10


class InvalidProject(ProjectError):
    """A project file cannot be read as what it should be."""

    code = "invalid-project"
    path: str
    line: int | None

    def __init__(self, message: str, *, path: str, line: int | None = None, hint: str = "") -> None:
        where = f"{path}:{line}" if line is not None else path
        super().__init__(f"{where}: {message}", hint=hint, path=path, line=line)


class UnknownEnvironment(ProjectError):
    """`-e NAME` names no [env:NAME]."""

    code = "unknown-environment"
    exit_code = 11
    environment: str

    def __init__(self, environment: str, known: list[str], path: str) -> None:
        super().__init__(
            f"there is no environment {environment!r} in {path}",
            hint=f"the file has: {', '.join(known) or 'none'}",
            environment=environment,
            known=known,
            path=path,
        )


class UnknownBoard(ProjectError):
    """`board = NAME` names no board that can be found."""

    code = "unknown-board"
    exit_code = 12
    board: str

    def __init__(self, board: str, *, searched: list[str], hint: str) -> None:
        where = ", ".join(searched) or "nowhere: the project has no hardware folder"
        super().__init__(
            f"board {board!r} is not known (looked in: {where})",
            hint=hint,
            board=board,
            searched=searched,
        )
