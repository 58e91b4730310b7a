"""Arduino property files (platform.txt, boards.txt) and the expansion of {references}.

Format: the Arduino platform specification, "Configuration files format".

Rules
- `key.linux`, `key.macosx` and `key.windows` set `key` on that system; the later line wins.
- `platform.local.txt` beside `platform.txt` is laid over it; so for every property file.
- A reference to a property that is not there stays as it stands.
- Expansion ends: a property that refers to itself is an error, not a hang.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from fbuild_watch.errors import InvalidProject
from fbuild_watch.project.memory import FileMemory

REFERENCE = re.compile(r"\{([\w.\-]+)\}")
_MOST_ROUNDS = 40
_MOST_TEXT = 1 << 20


def system() -> str:
    """Arduino's name of this operating system."""
    return {"darwin": "macosx", "win32": "windows"}.get(sys.platform, "linux")


def parse(text: str, path: str, suffix: str) -> dict[str, str]:
    """Read a property file for the system `suffix`. Raises InvalidProject with the line."""
    properties: dict[str, str] = {}
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if not equals or not key.strip():
            raise InvalidProject(f"{line!r} is not key=value", path=path, line=number)
        properties[key.strip().removesuffix(f".{suffix}")] = value.strip()
    return properties


def read(path: Path, *, required: bool = True) -> Mapping[str, str]:
    """A property file with its `.local` neighbour, kept until one of them changes.

    Raises InvalidProject for a file that cannot be read, or, if it is required, is not there.
    """
    local = path.with_suffix(f".local{path.suffix}")
    own = _read(path, required=required)
    over = _read(local, required=False)
    return {**own, **over} if over else own


def _read(path: Path, *, required: bool) -> Mapping[str, str]:
    try:
        return _FILES.of(str(path))
    except FileNotFoundError as error:
        if not required:
            return {}
        raise InvalidProject("there is no such file", path=str(path)) from error
    except OSError as error:
        raise InvalidProject(error.strerror or str(error), path=str(path)) from error


def _parse_bytes(data: bytes, path: str) -> Mapping[str, str]:
    return parse(data.decode("utf-8-sig", errors="replace"), path, system())


_FILES = FileMemory(_parse_bytes)


def below(properties: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The properties under `prefix.`, without it."""
    start = f"{prefix}."
    return {
        key.removeprefix(start): value for key, value in properties.items() if key.startswith(start)
    }


def expand(text: str, properties: Mapping[str, str], path: str) -> str:
    """Replace every {reference} that is known, innermost first, until none is left.

    Raises InvalidProject (naming `path`) for a property that refers to itself.
    """
    for _ in range(_MOST_ROUNDS):
        expanded = REFERENCE.sub(lambda match: properties.get(match[1], match[0]), text)
        if expanded == text or len(expanded) > _MOST_TEXT:
            break
        text = expanded
    looping = sorted({name for name in REFERENCE.findall(text) if name in properties})
    if looping:
        message = f"these properties refer to themselves: {', '.join(looping)}"
        raise InvalidProject(message, path=path)
    return text
