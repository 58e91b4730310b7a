"""What must be done again, and why. Pure: the tree is asked through `look`.

A Job is a command with its files, whatever kind it is: a translation unit, a hook, an archive,
the link. A Record is what was true when a job last succeeded; a Version is one content of one
file, and all records that saw it share the object.

Rules
- Content decides. Times never do; `look` may use them to save reading (see tree.py).
- A job is current when its command is the recorded one, its output is the recorded one, and
  every input (declared, found in its depfile, or named in its command) has the recorded content.
- Missing is changed.
- A blind job is run, beside that, whenever anything else is (check.py).
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from blake3 import blake3

Digest = bytes

_DIGEST_SIZE = 16


def digest(data: bytes) -> Digest:
    """The digest that all records use: 128 bits of BLAKE3."""
    return blake3(data).digest(_DIGEST_SIZE)


@dataclass(eq=False, slots=True)
class Version:
    """One content of one file. Compared as an object: memory.py makes each only once."""

    path: str
    digest: Digest
    number: int = -1
    """Its number in the store; -1: the store does not have it."""


Look = Callable[[str], Version | None]
"""What a file holds; None where there is no such file."""


@dataclass(frozen=True, slots=True)
class Job:
    """A command and its files. Paths are absolute."""

    name: str
    argv: tuple[str, ...]
    output: str
    inputs: tuple[str, ...]
    """Files that it reads for certain."""
    mentions: tuple[str, ...] = ()
    """Names in its command that are inputs if they are files (a linker script)."""
    depfile: str | None = None
    is_unit: bool = False
    """Whether it compiles its first input, and nothing else: the object cache may know it."""
    is_blind: bool = False
    """Whether nobody knows what it reads and makes. `output` is a mark that it has run."""
    assembles: bool = False
    """Whether it is a link that compiles (LTO): it reads what the assembler of its units would."""
    may_make: tuple[str, ...] = ()
    """What a blind command names in the build folder."""
    folders: tuple[str, ...] = ()
    """Where it looks for headers, as its command says it (search.py)."""
    environment: tuple[str, ...] = ()
    """The variables that its program reads, as `NAME=value`."""
    identity: Digest = field(init=False, repr=False)
    """The digest of the command and its environment."""

    def __post_init__(self) -> None:
        text = "\0".join((*self.environment, *self.argv))
        identity = digest(text.encode(errors="surrogateescape"))
        object.__setattr__(self, "identity", identity)


KnownInputs = Callable[[Job], Iterable[str]]
"""The inputs of a job that are there, as far as they are known without a depfile (declared.py)."""


@dataclass(frozen=True, slots=True)
class Record:
    """A job's last success: the digest of its command, every input, and its output."""

    identity: Digest
    inputs: tuple[Version, ...]
    output: Version
    unused: tuple[str, ...] = ()
    """Files of the same names as its headers that it did not read, and relative names that it asked
    for (shadows.py)."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a job must run."""

    what: Literal[
        "with the build", "never built", "command changed", "output missing", "output changed",
        "input new", "input missing", "input changed",
    ]  # fmt: skip
    path: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.path}" if self.path else self.what


def why(
    job: Job,
    record: Record | None,
    look: Look,
    declared: KnownInputs,
    suspected: Container[str] = (),
) -> Reason | None:
    """The first reason why a job must run; None: it is current.

    `suspected` are paths that likely changed: asking for them first spares the rest of a long list.
    """
    if record is None:
        return Reason("never built")
    if record.identity != job.identity:
        return Reason("command changed")
    built = look(job.output)
    if built is not record.output:
        return Reason("output missing" if built is None else "output changed", job.output)
    likely = (version for version in record.inputs if version.path in suspected)
    return (
        _first_changed(likely, look)
        or _first_new(job, record, declared)
        or _first_changed(record.inputs, look)
    )


def _first_changed(versions: Iterable[Version], look: Look) -> Reason | None:
    for version in versions:
        now = look(version.path)
        if now is not version:
            return Reason("input missing" if now is None else "input changed", version.path)
    return None


def _first_new(job: Job, record: Record, declared: KnownInputs) -> Reason | None:
    known = {version.path for version in record.inputs}
    new = (path for path in declared(job) if path not in known)
    return next((Reason("input new", path) for path in new), None)


def mentions(argv: Sequence[str]) -> tuple[str, ...]:
    """The words of a command that may name a file, its program not counted.

    `-Tscript.ld`, `-T script.ld`, `-Wl,--script=script.ld`, `@words` and plain names are all seen.
    A library (`-lname`, `-l:file`) and a script may be in any folder of `-L`.
    """
    split = _split(argv)
    searched = [name for given in _values(split, "-l") for name in libraries(given)]
    searched += _values(split, "-T")
    found = (f"{folder}/{name}" for folder in _values(split, "-L") for name in searched)
    pieces = (piece for piece in map(_piece, split) if piece)
    return tuple(dict.fromkeys((*pieces, *found)))


def with_library_path(argv: Sequence[str], environment: Iterable[str]) -> tuple[str, ...]:
    """A command with `-L` for the folders that the variable LIBRARY_PATH names."""
    paths = (text.partition("=")[2] for text in environment if text.startswith("LIBRARY_PATH="))
    named = (folder for path in paths for folder in path.split(os.pathsep) if folder)
    return (*argv, *(f"-L{folder}" for folder in named))


def folders_of_libraries(argv: Sequence[str]) -> list[str]:
    """Where a linker looks for libraries and scripts, as its command says it (`-L`)."""
    return _values(_split(argv), "-L")


def libraries(given: str) -> tuple[str, ...]:
    """The files that `-l` may mean."""
    return (given[1:],) if given.startswith(":") else (f"lib{given}.a", f"lib{given}.so")


def _split(argv: Sequence[str]) -> list[str]:
    return [piece for word in argv[1:] for piece in re.split(r"[,=]", word)]


def _piece(piece: str) -> str:
    if not piece.startswith("-"):
        return piece.removeprefix("@")
    return piece[2:] if piece.startswith("-T") else ""


def _values(pieces: Sequence[str], option: str) -> list[str]:
    """What an option is given, joined to it or as the next word."""
    followed = itertools.pairwise((*pieces, ""))
    found = (word[2:] or after for word, after in followed if word.startswith(option))
    return [value for value in dict.fromkeys(found) if value]
