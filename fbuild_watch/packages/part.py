"""A download under way, on disk: the bytes so far, and what they are the start of.

The bytes may be continued when they are of the same URL and either the server named the version
that it sent, or a digest will tell in the end. The record is written before the first byte.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

import msgspec

from fbuild_watch.system.files import write_atomically


class _Record(msgspec.Struct):
    url: str
    version: str


class Part:
    """The file `path`, which grows, and its record beside it. Used under the package's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._record_path = path.with_name(f"{path.name}.json")
        self.resumed = False
        """Whether the bytes came in more than one answer."""

    def begin(self, url: str, version: str) -> None:
        """Forget what was there; from now on it is this file that comes."""
        self.drop()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._record_path, msgspec.json.encode(_Record(url, version)))

    def known(self, url: str, *, checked: bool) -> tuple[int, str]:
        """How many bytes can be continued, and their version; (0, "") for a fresh start.

        `checked`: a digest will be looked at in the end.
        """
        try:
            record = msgspec.json.decode(self._record_path.read_bytes(), type=_Record)
            size = self.path.stat().st_size
        except (OSError, msgspec.MsgspecError):
            return 0, ""
        if record.url != url or not (record.version or checked):
            return 0, ""
        return size, record.version

    def size(self) -> int:
        """Bytes so far."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def append(self) -> IO[bytes]:
        """Open it to go on writing."""
        self.resumed = self.resumed or self.size() > 0
        return self.path.open("ab")

    def drop(self) -> None:
        """Remove both files."""
        self.path.unlink(missing_ok=True)
        self._record_path.unlink(missing_ok=True)
        self.resumed = False
