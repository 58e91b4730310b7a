"""The environment variables that a project's files name: `${sysenv.WIFI_SSID}`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fbuild_watch.errors import InvalidProject
from fbuild_watch.project.config import Config
from fbuild_watch.project.interpolation import variables


def variables_named(project_dir: Path, environ: Mapping[str, str]) -> frozenset[str]:
    """Their names; none where there is no platformio.ini that can be read: who loads it says so."""
    try:
        document = Config(project_dir, environ).document
    except InvalidProject:
        return frozenset()
    options = (option for section in document.values() for option in section.options.values())
    return frozenset(name for option in options for name in variables(option.text))
