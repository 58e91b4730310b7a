"""What is said while packages are fetched and installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Step = Literal["index", "downloading", "unpacking", "cloning", "waiting", "installed", "repairing"]


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of one package; `done` and `total` are bytes, `total` None where nobody has said."""

    package: str
    step: Step
    done: int = 0
    total: int | None = None
    detail: str = ""
    """Why it is repaired, where it was installed."""


OnProgress = Callable[[Progress], None]


def ignore(_progress: Progress) -> None:
    """For those who do not want to know."""
