"""The example project that comes with fbuild, and copying it."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

from fbuild_watch.errors import InvalidProject

NAME = "hello-c3"


def example_dir() -> Path:
    """Where the example lies: in an installed wheel beside the code, in a checkout beside it."""
    package = Path(str(files("fbuild_watch")))
    installed = package / "examples" / NAME
    return installed if installed.is_dir() else package.parent / "examples" / NAME


def copy_example(target: Path) -> None:
    """Copy the example into `target`. Raises InvalidProject before anything would be lost."""
    source = example_dir()
    wanted = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    wanted = [path for path in wanted if ".fbuild" not in path.parts]
    for path in wanted:
        if (target / path).exists():
            raise InvalidProject(
                "the file is there already, and nothing is written over",
                path=str(target / path),
                hint="choose an empty folder",
            )
    for path in wanted:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / path, target / path)
