"""The environment that work is done in: this process's own, or that of the client it is done for.

A build that a terminal asks the running process for finds the tools on that terminal's PATH. Who
asks is a property of the task (a context variable, which trio hands to child tasks and threads), so
two clients at a time do not meet.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_theirs: ContextVar[Mapping[str, str] | None] = ContextVar("fbuild_surroundings", default=None)


@contextmanager
def of(variables: Mapping[str, str]) -> Iterator[None]:
    """Work in this environment for the length of the block."""
    token = _theirs.set(variables)
    try:
        yield
    finally:
        _theirs.reset(token)


def environ() -> Mapping[str, str]:
    """The environment of the work at hand."""
    theirs = _theirs.get()
    return os.environ if theirs is None else theirs


def for_child() -> dict[str, str] | None:
    """For Popen's `env`; None: as it is here."""
    theirs = _theirs.get()
    return None if theirs is None else dict(theirs)


def which(program: str) -> str | None:
    """`shutil.which` on the PATH of the work at hand."""
    return shutil.which(program, path=environ().get("PATH"))
