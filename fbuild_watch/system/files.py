"""Files written whole or not at all, and what lies in folders. Imported by every room that uses files."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from fbuild_watch.errors import FileUnwritable


def beside(path: Path) -> Path:
    """A name for what becomes `path` when it is whole: this thread's own."""
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}.tmp")


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file: a reader, or a crash of this process, meets the old bytes or the new ones.

    Not a promise about power loss (no fsync): what stands in build folders can be made again.
    """
    aside = beside(path)
    try:
        aside.write_bytes(data)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write_for_user(path: Path, data: bytes) -> None:
    """Write where a user wants it: atomically, through a link to where it leads; what is no file, such
    as a pipe, is written to and stays what it is. Raises FileUnwritable.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            write_atomically(path.resolve(), data)
    except OSError as error:
        raise FileUnwritable(str(path), error.strerror or "it cannot be replaced") from error


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a folder is a folder, links followed; a link to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def write_if_changed(path: Path, data: bytes) -> bool:
    """Write atomically unless the file holds these bytes already; whether it was written."""
    try:
        if path.read_bytes() == data:
            return False
    except FileNotFoundError:
        pass
    write_atomically(path, data)
    return True
