"""Which kind of project a folder holds, and how each kind is read.

    platformio.ini                 environment.py
    *.ino, sketch.yaml             sketch_project.py
    CMakeLists.txt                 foreign.py

The first that is there decides; a folder with none of them lacks a platformio.ini.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from fbuild_watch.model import Environment
from fbuild_watch.project import environment
from fbuild_watch.project.config import FILE_NAME


def load(
    project_dir: Path, name: str | None = None, environ: Mapping[str, str] = os.environ
) -> Environment:
    """Read one environment of a project; None: the one that the project itself prefers.

    `environ` is what ${sysenv.NAME} and PlatformIO's own variables are looked up in.
    Raises InvalidProject (with file and line) and UnknownEnvironment.
    """
    project_dir = Path(os.path.abspath(project_dir))  # noqa: PTH100  (Path.absolute keeps `..`)
    return environment.load(project_dir, name, environ)


def is_project(folder: Path) -> bool:
    """Whether a folder holds a project of any kind."""
    return (folder / FILE_NAME).exists()
