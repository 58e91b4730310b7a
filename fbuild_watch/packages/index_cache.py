"""Index files, kept with their ETag: asked for anew each time one is needed, sent only if changed.

Without a network, or offline, the kept one serves as long as what it names can be had.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import msgspec
import trio

from fbuild_watch.errors import DownloadFailed, InvalidIndex, Offline
from fbuild_watch.packages import sources
from fbuild_watch.packages.fetch import Fetcher
from fbuild_watch.packages.resource import Resource
from fbuild_watch.system.files import write_atomically

_MOST_BYTES = 512 << 20


class _Record(msgspec.Struct):
    url: str
    etag: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class IndexCache:
    """The kept index files of a user."""

    folder: Path
    offline: bool

    async def read(self, url: str, fetcher: Fetcher, *, wanted: str) -> bytes:
        """An index file's bytes, uncompressed. `wanted`: what it is looked at for, for words.

        Raises DownloadFailed or Offline where there is no kept one either, and InvalidIndex.
        """
        name = f"the index for {wanted}"
        if local := sources.local_path(url):
            return await trio.to_thread.run_sync(_read_local, local, url, name)
        path = self._path(url)
        if not self.offline:
            try:
                await self._refresh(url, path, fetcher, name)
            except DownloadFailed:
                if not path.is_file():
                    raise
        elif not path.is_file():
            raise Offline(wanted, searched=[url])
        return await trio.to_thread.run_sync(_read, path, url)

    def forget(self, url: str) -> None:
        """Drop a kept file that turned out to be no index: the next time all of it is fetched."""
        self._path(url).unlink(missing_ok=True)

    async def _refresh(self, url: str, path: Path, fetcher: Fetcher, name: str) -> None:
        record_path = path.with_name(f"{path.name}.json")
        known = _record(path, record_path, url)
        aside = path.with_name(f"{path.name}.{os.getpid()}.part")
        answer = await fetcher.fetch_changed(Resource(name, url), aside, _conditions(known))
        if answer is None:
            return
        try:
            aside.replace(path)
            record = _Record(url, answer.get("etag", ""), answer.get("last-modified", ""))
            write_atomically(record_path, msgspec.json.encode(record))
        finally:
            aside.unlink(missing_ok=True)
            aside.with_name(f"{aside.name}.json").unlink(missing_ok=True)

    def _path(self, url: str) -> Path:
        digest = hashlib.sha256(url.encode()).hexdigest()[:16]
        return self.folder / f"{digest}-{sources.file_name(url)[-80:]}"


def _record(kept: Path, path: Path, url: str) -> _Record:
    """What the server said of the kept file; without that file it says nothing."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=_Record)
    except (OSError, msgspec.MsgspecError):
        return _Record(url)
    return record if record.url == url and kept.is_file() else _Record(url)


def _conditions(known: _Record) -> dict[str, str]:
    conditions = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
    return {name: value for name, value in conditions.items() if value}


def _read_local(path: Path, url: str, name: str) -> bytes:
    if not path.is_file():
        raise DownloadFailed(name, url, "no such file", tries=1)
    return _read(path, url)


def _read(path: Path, url: str) -> bytes:
    """The bytes, uncompressed if they are compressed."""
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if compressed else path.open("rb") as data:
            content = data.read(_MOST_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidIndex(url, str(error)) from error
    if len(content) > _MOST_BYTES:
        raise InvalidIndex(url, f"it is larger than {_MOST_BYTES:,} bytes")
    return content
