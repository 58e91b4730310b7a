"""Which kind of project a folder holds, and how each kind is read.

    platformio.ini                 environment.py
    sketch.yaml, *.ino             sketch_project.py
    CMakeLists.txt                 foreign.py

The first that is there decides; a folder with none of them lacks a platformio.ini.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from fbuild_watch.model import Environment, ForeignPlan
from fbuild_watch.project import environment as ini_project
from fbuild_watch.project import foreign, sketch_project
from fbuild_watch.project.config import FILE_NAME
from fbuild_watch.project.memory import is_file
from fbuild_watch.system import surroundings


def load(
    project_dir: Path, name: str | None = None, environ: Mapping[str, str] | None = None
) -> Environment:
    """Read one environment of a project; None: the one that the project itself prefers.

    `environ` is what ${sysenv.NAME} and PlatformIO's own variables are looked up in; None: that of
    the work at hand.
    Raises InvalidProject (with file and line) and UnknownEnvironment.
    """
    project_dir = Path(os.path.abspath(project_dir))  # noqa: PTH100  (Path.absolute keeps `..`)
    if not is_file(project_dir / FILE_NAME):
        if sketch_project.is_sketch(project_dir):
            return sketch_project.load(project_dir, name)
        if is_file(project_dir / foreign.LISTS):
            return foreign.load(project_dir, name)
    return ini_project.load(
        project_dir, name, surroundings.environ() if environ is None else environ
    )


def environments(project_dir: Path) -> list[str]:
    """The names of a project's environments, in the order of its file. Raises InvalidProject."""
    if not is_file(project_dir / FILE_NAME):
        if sketch_project.is_sketch(project_dir):
            return sketch_project.environments(project_dir)
        if is_file(project_dir / foreign.LISTS):
            return foreign.environments(project_dir)
    return ini_project.environments(project_dir)


def foreign_plan(environment: Environment) -> ForeignPlan | None:
    """The plan of a project that another program builds; None: it is built here.

    Raises InvalidProject.
    """
    if foreign.COMMAND in environment.custom:
        return foreign.plan_command(environment)
    return None if environment.board else foreign.plan_cmake(environment)


def is_project(folder: Path) -> bool:
    """Whether a folder holds a project of any kind."""
    return (
        is_file(folder / FILE_NAME)
        or sketch_project.is_sketch(folder)
        or is_file(folder / foreign.LISTS)
    )
