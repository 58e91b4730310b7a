"""Files that are written on and on, in generations: log, log.1, log.2 ... Blocks."""

from __future__ import annotations

from pathlib import Path


def rotate(path: Path, old: int) -> None:
    """log -> log.1 -> log.2 -> log.`old`, which is the end."""
    for number in range(old, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        newer = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
        if newer.exists():
            newer.replace(older)
