"""What must be done again, and why. Pure: the tree is asked through `look`.

A Job is a command with its files, whatever kind it is: a translation unit, a hook, an archive,
the link. A Record is what was true when a job last succeeded.

Rules
- Content decides. Times never do; `look` may use them to save reading (see tree.py).
- A job is current when its command is the recorded one, its output is the recorded one, and
  every input (declared, found in its depfile, or named in its command) has the recorded content.
- Missing is changed. What has no output to compare runs every time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from blake3 import blake3

Digest = bytes
Look = Callable[[str], Digest | None]
"""The content digest of a file; None where there is no such file."""

_DIGEST_SIZE = 16


def digest(data: bytes) -> Digest:
    """The digest that all records use: 128 bits of BLAKE3."""
    return blake3(data).digest(_DIGEST_SIZE)


@dataclass(frozen=True, slots=True)
class Job:
    """A command and its files. Paths are absolute."""

    name: str
    argv: tuple[str, ...]
    output: str | None
    inputs: tuple[str, ...]
    """Files that it reads for certain."""
    mentions: tuple[str, ...] = ()
    """Names in its command that are inputs if they are files (a linker script)."""
    depfile: str | None = None

    @property
    def identity(self) -> Digest:
        """The digest of the command."""
        return digest("\0".join(self.argv).encode(errors="surrogateescape"))

    def declared(self, look: Look) -> tuple[str, ...]:
        """The inputs that are known without a depfile."""
        return (*self.inputs, *(name for name in self.mentions if look(name) is not None))


@dataclass(frozen=True, slots=True)
class Record:
    """A job's last success: the digests of its command, of every input and of its output."""

    identity: Digest
    inputs: tuple[tuple[str, Digest], ...]
    output: Digest


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a job must run."""

    what: Literal[
        "always", "never built", "command changed", "output missing", "output changed",
        "input new", "input missing", "input changed",
    ]  # fmt: skip
    path: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.path}" if self.path else self.what


def why(job: Job, record: Record | None, look: Look) -> Reason | None:
    """The first reason why a job must run; None: it is current."""
    if job.output is None:
        return Reason("always")
    if record is None:
        return Reason("never built")
    if record.identity != job.identity:
        return Reason("command changed")
    built = look(job.output)
    if built != record.output:
        return Reason("output missing" if built is None else "output changed", job.output)
    return _input_reason(job, record, look)


def _input_reason(job: Job, record: Record, look: Look) -> Reason | None:
    known = dict(record.inputs)
    for path in job.declared(look):
        if path not in known:
            return Reason("input new", path)
    for path, recorded in known.items():
        now = look(path)
        if now != recorded:
            return Reason("input missing" if now is None else "input changed", path)
    return None


def mentions(argv: Sequence[str]) -> tuple[str, ...]:
    """The words of a command that may name a file, its program not counted.

    `-Tscript.ld`, `-T script.ld`, `-Wl,--script=script.ld`, `@words` and plain names are all seen.
    """
    pieces = (piece for word in argv[1:] for piece in _pieces(word))
    return tuple(dict.fromkeys(piece for piece in pieces if piece))


def _pieces(word: str) -> Iterator[str]:
    for piece in re.split(r"[,=]", word):
        if not piece.startswith("-"):
            yield piece.removeprefix("@")
        elif piece.startswith("-T"):
            yield piece[2:]
