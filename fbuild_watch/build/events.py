"""What a build says while it runs, and what it is when it has succeeded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fbuild_watch.build.graph import Digest, Reason
from fbuild_watch.system.stamps import Stamp


@dataclass(frozen=True, slots=True)
class Waits:
    """Another process builds in this folder: its end is waited for."""


@dataclass(frozen=True, slots=True)
class Started:
    """So many translation units must be compiled; `done` of them are through."""

    total: int
    done: int


@dataclass(frozen=True, slots=True)
class UnitDone:
    """A translation unit is through. `output`: warnings; the words of a failure are in the error."""

    source: Path
    seconds: float
    ok: bool
    output: str
    reason: Reason
    """Why it was compiled."""
    reused: bool = False
    """Whether its object came from the cache."""


@dataclass(frozen=True, slots=True)
class StepDone:
    """A hook, an archive or the link is through."""

    name: str
    seconds: float
    output: str
    reason: Reason
    """Why it was run."""


BuildEvent = Waits | Started | UnitDone | StepDone
OnEvent = Callable[[BuildEvent], None]


@dataclass(frozen=True, slots=True)
class Built:
    """A build that succeeded: the ELF is what the sources say."""

    compiled: tuple[Path, ...]
    """The sources that were compiled."""
    linked: bool
    elf: Path
    phases: Mapping[str, float]
    """Seconds by phase ("compiled", "linked"); a phase in which nothing was done is absent."""
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    """Why each source was compiled and each step run, by the name a person knows."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a build rests on: while all of it is so, there is nothing to do."""

    stamps: Mapping[str, Stamp | None]
    """How files and folders were found; None: there was no such folder."""
    no_files: frozenset[str]
    """Where there was no file; a folder there is no matter."""
    contents: Mapping[str, Digest]
    """What files held whose stamps prove nothing."""
    tools: Mapping[str, str | None]
    """Which file each program of a command was."""
