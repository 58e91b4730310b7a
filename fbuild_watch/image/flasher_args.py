"""flasher_args.json: which file goes to which offset, in ESP-IDF's format.

ESP-IDF and its tools read and write this file; ours is the record of what was built last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fbuild_watch.errors import InvalidImage
from fbuild_watch.model import FlashSettings

FILE_NAME = "flasher_args.json"
_TABLE = "partition-table"
_OURS = {_TABLE: "partitions", "otadata": "ota_data"}
"""ESP-IDF's names of images that have another name here."""
_THEIRS = {ours: theirs for theirs, ours in _OURS.items()}


@dataclass(frozen=True, slots=True)
class FlashFile:
    """A file and its place: name as in Region, offset in bytes, file relative to the build folder."""

    name: str
    offset: int
    file: str


@dataclass(frozen=True, slots=True)
class FlasherArgs:
    """The content of the file, as far as we use it."""

    chip: str | None
    files: tuple[FlashFile, ...]


class _Extra(msgspec.Struct):
    chip: str | None = None


class _File(msgspec.Struct):
    flash_files: dict[str, str]
    extra_esptool_args: _Extra = msgspec.field(default_factory=_Extra)


class _Entry(msgspec.Struct):
    """What is said of one image. `encrypted` is a text in ESP-IDF's files, a boolean in others'."""

    file: str
    encrypted: str | bool = False


def encode(files: tuple[FlashFile, ...], chip: str, flash: FlashSettings) -> bytes:
    """The JSON text, as ESP-IDF's build writes it."""
    settings = {"flash_mode": flash.mode, "flash_size": flash.size, "flash_freq": flash.freq}
    content: dict[str, Any] = {
        "write_flash_args": [
            word for name, value in settings.items()
            for word in (f"--{name.replace('_', '-')}", value)
        ],
        "flash_settings": settings,
        "flash_files": {hex(file.offset): file.file for file in files},
    }  # fmt: skip
    for file in files:
        content[_THEIRS.get(file.name, file.name)] = {
            "offset": hex(file.offset), "file": file.file, "encrypted": "false",
        }  # fmt: skip
    content["extra_esptool_args"] = {
        "after": "hard-reset", "before": "default-reset", "stub": True, "chip": chip,
    }  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(content), indent=4)


def decode(data: bytes, path: Path) -> FlasherArgs:
    """Read one, ours or ESP-IDF's. A file that no entry describes is named after itself.

    Raises InvalidImage, also for images that the chip is to encrypt: what it then holds cannot be
    held against the file.
    """
    try:
        content = msgspec.json.decode(data, type=_File)
        entries = _entries(msgspec.json.decode(data))
        files = tuple(
            FlashFile(_name(file, entries), int(offset, 0), file)
            for offset, file in content.flash_files.items()
        )
    except (msgspec.DecodeError, ValueError) as error:
        hint = "build the project again"
        raise InvalidImage(f"{path} is no flasher_args.json: {error}", hint=hint) from error
    for name, entry in entries.items():
        if str(entry.encrypted).lower() == "true":
            hint = "flash encrypted images with idf.py, or build without flash encryption"
            raise InvalidImage(f"{path}: {name} is to be encrypted by the chip", hint=hint)
    return FlasherArgs(content.extra_esptool_args.chip, files)


def _entries(content: Mapping[str, Any]) -> dict[str, _Entry]:
    """Name -> what is said of it, from the values that describe one image each."""
    return {
        _OURS.get(name, name): msgspec.convert(value, _Entry)
        for name, value in content.items()
        if isinstance(value, dict) and isinstance(value.get("file"), str)
    }


def _name(file: str, entries: Mapping[str, _Entry]) -> str:
    return next((name for name, entry in entries.items() if entry.file == file), Path(file).stem)
