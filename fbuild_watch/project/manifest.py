"""PlatformIO's board manifests: which Arduino board a name of PlatformIO's stands for.

A manifest's `build.extra_flags` has `-DARDUINO_<BOARD>`, where <BOARD> is the `build.board` of the
same board in its Arduino core. That is all that is taken from it, but for how the board is reset.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fbuild_watch.errors import InvalidProject
from fbuild_watch.project.memory import is_file, read_bytes

_MACRO = re.compile(r"-D\s*ARDUINO_(?P<board>\w+)")
_NO_BOARD = re.compile(r"ARCH_\w+|USB_\w+|RUNNING_\w+|EVENT_\w+|SERIAL_\w+|LOOP_\w+")
"""Other macros of cores: ARDUINO_ARCH_ESP32, ARDUINO_USB_MODE and their kind."""


def find(board: str, folders: Iterable[Path]) -> Path | None:
    """The manifest of a board in the first folder that has one."""
    if not re.fullmatch(r"[\w.-]+", board):
        return None
    return next((path for folder in folders if is_file(path := folder / f"{board}.json")), None)


def arduino_board(path: Path) -> str:
    """The `build.board` that a manifest stands for; empty where it has none.

    Raises InvalidProject.
    """
    flags = _section(path, "build").get("extra_flags")
    text = " ".join(map(str, flags)) if isinstance(flags, list) else str(flags or "")
    names = (match["board"] for match in _MACRO.finditer(text))
    return next((name for name in names if not _NO_BOARD.fullmatch(name)), "")


def resets(path: Path) -> dict[str, str]:
    """What a manifest says of `before_reset` and `after_reset`. Raises InvalidProject."""
    upload = _section(path, "upload")
    return {key: str(upload[key]) for key in ("before_reset", "after_reset") if key in upload}


def _section(path: Path, name: str) -> dict[str, Any]:
    try:
        content = json.loads(read_bytes(path))
    except OSError as error:
        raise InvalidProject(error.strerror or str(error), path=str(path)) from error
    except json.JSONDecodeError as error:
        message = f"this is not JSON ({error.msg})"
        raise InvalidProject(message, path=str(path), line=error.lineno) from error
    except UnicodeDecodeError as error:
        raise InvalidProject("this is not UTF-8 text", path=str(path)) from error
    section = content.get(name) if isinstance(content, dict) else None
    return section if isinstance(section, dict) else {}
