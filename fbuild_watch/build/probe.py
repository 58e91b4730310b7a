"""What a compiler can do, asked once of each."""

from __future__ import annotations

import os
from pathlib import Path

import trio

from fbuild_watch.errors import CommandNotStarted, TimedOut
from fbuild_watch.processes.run_command import run_command

_TRY_S = 5.0

_Question = tuple[str, str, int, int]
"""A compiler's file, an option, and which version of the file it is."""

_answers: dict[_Question, bool] = {}


def knows(tool: str, option: str) -> bool | None:
    """Whether a compiler knows an option that maps prefixes (`OPTION=OLD=NEW`); None: not asked."""
    question = _question(tool, option)
    return _answers.get(question) if question else False


async def ask(tool: str, option: str) -> bool:
    """Ask a compiler that, unless it was asked."""
    question = await trio.to_thread.run_sync(_question, tool, option)
    if question is None:
        return False
    if question not in _answers:
        _answers[question] = await _takes(tool, f"{option}=/a=.")
    return _answers[question]


async def _takes(tool: str, option: str) -> bool:
    try:
        ended = await run_command((tool, option, "-x", "c", "-E", os.devnull), time_limit=_TRY_S)
    except (CommandNotStarted, TimedOut):
        return False
    return ended.code == 0


def _question(tool: str, option: str) -> _Question | None:
    try:
        info = Path(tool).stat()
    except OSError:
        return None
    return tool, option, info.st_mtime_ns, info.st_size
