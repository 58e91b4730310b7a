"""A defect of ours: the details go to a file, the user gets words."""

from __future__ import annotations

import sys
import tempfile
import traceback

from fbuild_watch import __version__
from fbuild_watch.errors import InternalError


def as_internal_error(error: BaseException) -> InternalError:
    """Write the traceback to a file of its own and name it in the error."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="fbuild-crash-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(f"fbuild-watch {__version__}, Python {sys.version}, {sys.platform}\n")
        file.write(f"arguments: {sys.argv[1:]}\n\n")
        file.writelines(traceback.format_exception(error))
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]  # a task's, which says what it was
    return InternalError(
        f"fbuild met something it did not expect ({type(error).__name__}: {error})",
        hint=f"this is a defect of fbuild; please report it with {file.name}",
        report=file.name,
    )
