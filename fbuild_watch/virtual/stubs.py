"""Which RAM uploads are esptool's stub loader: known by their content.

The board does not run the stub's code: it recognises it and behaves as it does. The stubs are
read as package data of the installed esptool, which is not imported.

Rules
- An upload is the stub when its entry point and every segment are the stub's, byte for byte.
- An installed esptool that has no stub for the chip leaves the list empty; every RAM program is
  then run by the CPU.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

VERSIONS = ("1", "2")
"""The folders under `esptool/targets/stub_flasher`: the C stub and its successor."""


@dataclass(frozen=True, slots=True)
class StubImage:
    """Entry point and segments (by address) of a stub."""

    entry: int
    segments: Mapping[int, bytes]


def parse_stub(text: str) -> StubImage:
    """Return the stub in one of esptool's JSON files."""
    fields: dict[str, Any] = json.loads(text)
    names = [name for name in ("text", "data") if name in fields]
    segments = {fields[f"{name}_start"]: base64.b64decode(fields[name]) for name in names}
    return StubImage(fields["entry"], segments)


def installed_stubs(chip: str) -> tuple[StubImage, ...]:
    """Return the stubs that the installed esptool has for a chip ("esp32c3").

    Asked of the distribution's metadata: `importlib.resources.files` would import the package,
    and under a console script `esptool` can mean the script `esptool.py` beside it.
    """
    try:
        esptool = distribution("esptool")
    except PackageNotFoundError:
        return ()
    names = (f"esptool/targets/stub_flasher/{version}/{chip}.json" for version in VERSIONS)
    paths = (Path(str(esptool.locate_file(name))) for name in names)
    return tuple(parse_stub(path.read_text("utf-8")) for path in paths if path.is_file())
