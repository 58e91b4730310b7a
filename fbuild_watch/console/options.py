"""How a console starts: from the project's `monitor_*` options and the person's ~/.inputrc. Pure.

PlatformIO's names (docs.platformio.org, "Monitor options"). Of `monitor_filters`, those that change
what is seen set the view; what the console does anyway, or what has no meaning here, changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fbuild_watch.console.commands import EOLS
from fbuild_watch.console.stamps import Mode

_TRUE = frozenset(("1", "true", "yes", "y", "on", "t"))


@dataclass(frozen=True, slots=True)
class Options:
    """The settings that a person can change later by commands."""

    eol: str = "crlf"
    echo: bool = False
    raw: bool = False
    vi: bool = False
    timestamps: Mode = "off"
    hex: bool = False
    colours: bool = True
    """Whether fbuild's words, times and log levels are coloured."""
    log: bool = False
    """Whether a log file is written from the start."""


DEFAULT = Options()


def from_monitor(
    monitor: Mapping[str, str], *, raw: bool = False, vi: bool = False, colours: bool = True
) -> Options:
    """Of `Environment.monitor`. A line ending that there is not is the default one."""
    eol = monitor.get("eol", "").strip().lower()
    filters = set(re.split(r"[\s,]+", monitor.get("filters", "").strip()))
    return Options(
        eol=eol if eol in EOLS else DEFAULT.eol,
        echo=_is_true(monitor.get("echo", "")),
        raw=raw or _is_true(monitor.get("raw", "")),
        vi=vi,
        colours=colours,
        timestamps="absolute" if "time" in filters else "off",
        hex="hexlify" in filters,
        log="log2file" in filters,
    )


def _is_true(text: str) -> bool:
    return text.strip().lower() in _TRUE


def wants_vi(inputrc: str) -> bool:
    """Whether readline's init file asks for vi's keys (readline(3), "set editing-mode vi")."""
    modes = re.findall(r"^\s*set\s+editing-mode\s+(\w+)", inputrc, re.MULTILINE)
    return bool(modes) and modes[-1] == "vi"
