"""How a command ended, and why one did not begin. Imports nothing slow."""

from __future__ import annotations

import errno
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from fbuild_watch.errors import CommandNotStarted

Argv = Sequence[str | PathLike[str]]


@dataclass(frozen=True, slots=True)
class Ended:
    """A command's end."""

    code: int
    """Its exit code; negative: the signal that ended it."""
    stdout: bytes
    stderr: bytes
    """Empty where it went into `stdout`."""
    seconds: float

    @property
    def words(self) -> str:
        """Its output, then its errors, as `text`."""
        return text(self.stdout + self.stderr)


def text(output: bytes) -> str:
    """A program's output as text: what is no UTF-8 is replaced, lines end as in Python."""
    return output.decode("utf-8", errors="replace").replace("\r\n", "\n")


def typed(argv: Argv) -> str:
    """A command as a person would type it in this system's shell."""
    words = [str(word) for word in argv]
    if sys.platform == "win32":
        import subprocess

        return subprocess.list2cmdline(words)
    return shlex.join(words)


def not_started(
    argv: Argv, cwd: Path | None, env: Mapping[str, str], error: OSError
) -> CommandNotStarted:
    """The system's refusal to start a command, in our words."""
    program = str(argv[0])
    if cwd is not None and not cwd.is_dir():
        return CommandNotStarted(program, f"there is no folder {cwd} to run it in")
    if error.errno == errno.E2BIG:
        size, hint = (
            sum(len(str(word)) + 1 for word in argv),
            "shorten what it is told, or its paths",
        )
        return CommandNotStarted(program, f"{size:,} bytes of words are too many", hint=hint)
    missing = not _is_there(program, cwd, env)
    reason = "it is not there" if missing else error.strerror or str(error)
    return CommandNotStarted(program, reason, missing=missing)


def _is_there(program: str, cwd: Path | None, env: Mapping[str, str]) -> bool:
    """Whether there is a file that is meant, runnable or not."""
    if Path(program).name == program:
        return shutil.which(program, path=env.get("PATH")) is not None
    return Path(cwd or "", program).exists()
