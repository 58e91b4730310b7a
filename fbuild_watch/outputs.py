"""Our folder in a project: made with its own .gitignore, removed on request."""

from __future__ import annotations

import shutil
from pathlib import Path

OUTPUTS = ".fbuild"


def make_folder(folder: Path) -> None:
    """Make `folder`, which is or lies in a `.fbuild`, and keep that out of the user's repository."""
    folder.mkdir(parents=True, exist_ok=True)
    ours = next((path for path in (folder, *folder.parents) if path.name == OUTPUTS), None)
    if ours is not None and not (ours / ".gitignore").exists():
        (ours / ".gitignore").write_text("*\n", encoding="utf-8")


def boards_folder(project_dir: Path) -> Path:
    """Where the guesses of what boards hold are kept with a project."""
    return project_dir / OUTPUTS / "boards"


def elfs_folder(project_dir: Path) -> Path:
    """Where the ELFs of what was flashed are kept with a project."""
    return project_dir / OUTPUTS / "elfs"


def core_dumps_folder(project_dir: Path) -> Path:
    """Where core dumps that came over the port are kept with a project."""
    return project_dir / OUTPUTS / "coredumps"


def remove_outputs(folder: Path) -> None:
    """Remove what was built below `folder`; that there is nothing is fine."""
    shutil.rmtree(folder, ignore_errors=True)
