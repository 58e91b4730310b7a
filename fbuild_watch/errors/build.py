"""The sources did not become an image. The tree and the rules stand in the package."""

from __future__ import annotations

import re

from fbuild_watch.errors.base import FbuildError

_NO_HEADER = re.compile(
    r"fatal error: '?([^'\n]+?)'?(?:: No such file or directory| file not found)"
)
"""In the words of gcc and clang."""


class BuildError(FbuildError):
    """The sources did not become an image."""

    code = "build"
    exit_code = 20


class CompilerMissing(BuildError):
    """No compiler for this board is installed."""

    code = "compiler-missing"
    exit_code = 21

    def __init__(self, board: str, tried: list[str], *, hint: str) -> None:
        super().__init__(
            f"no compiler for board {board!r} was found (tried: {', '.join(tried)})",
            hint=hint,
            board=board,
            tried=tried,
        )


class ProgramMissing(BuildError):
    """A program that the project names is not installed."""

    code = "program-missing"
    exit_code = 25

    def __init__(self, program: str, named_by: str, *, hint: str) -> None:
        super().__init__(
            f"{program} is not there: it is what {named_by} names",
            hint=hint,
            program=program,
            named_by=named_by,
        )


class CompileFailed(BuildError):
    """A compiler refused a source; its own words are in `diagnostics`."""

    code = "compile-failed"
    exit_code = 22
    diagnostics: str

    def __init__(self, sources: list[str], diagnostics: str) -> None:
        some = ", ".join(sources)
        header = _NO_HEADER.search(diagnostics)
        here = f"nothing here has {header[1]}: is its library in lib_deps? " if header else ""
        super().__init__(
            f"{some} did not compile",
            hint=f"{here}the compiler's words are above; the board keeps running what it has",
            sources=sources,
            diagnostics=diagnostics,
        )


class LinkFailed(BuildError):
    """The linker refused; its own words are in `diagnostics`."""

    code = "link-failed"
    exit_code = 23
    diagnostics: str

    def __init__(self, output: str, diagnostics: str) -> None:
        super().__init__(
            f"{output} did not link",
            hint="the linker's words are above; the board keeps running what it has",
            output=output,
            diagnostics=diagnostics,
        )


class StepFailed(BuildError):
    """A step of the core's recipe (archive, hook) failed."""

    code = "step-failed"
    exit_code = 24
    diagnostics: str

    def __init__(self, step: str, diagnostics: str) -> None:
        super().__init__(
            f"the step {step} of the build failed",
            hint="its own words are above",
            step=step,
            diagnostics=diagnostics,
        )
