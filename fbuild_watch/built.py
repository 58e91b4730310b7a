"""What was built last, as it lies on disk. For who does not build: nothing of the engine is imported."""

from __future__ import annotations

from pathlib import Path

from fbuild_watch import image, project
from fbuild_watch.errors import FbuildError
from fbuild_watch.model import Environment, Image


def load_built(environment: Environment) -> Image:
    """The image that was made last, as it lies on disk. Raises ProjectError, ImageError."""
    foreign = project.foreign_plan(environment)
    return image.of_foreign(foreign) if foreign else image.load_built(environment.build_dir)


def built_elf(environment: Environment) -> Path | None:
    """The ELF that was made last, as it lies on disk; None: there is none. Never raises."""
    try:
        foreign = project.foreign_plan(environment)
        return foreign.elf if foreign else image.elf_in(environment.build_dir)
    except FbuildError:
        return None
