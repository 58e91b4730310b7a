"""Arduino's library index (`library_index.json`). Pure: bytes in, releases out.

The file is tens of megabytes: it is decoded into typed records at once, and kept no longer than needed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import msgspec

from fbuild_watch.errors import InvalidIndex
from fbuild_watch.packages.resource import Resource, resource


class LibraryDependency(msgspec.Struct, frozen=True):
    """Another library that a library needs; `version` is a constraint, or empty."""

    name: str
    version: str = ""


class LibraryRelease(msgspec.Struct, frozen=True):
    """One version of a library."""

    name: str
    version: str
    url: str = ""
    checksum: str = ""
    size: int | str | None = 0
    dependencies: tuple[LibraryDependency, ...] | None = None


class _Index(msgspec.Struct):
    libraries: list[LibraryRelease]


@dataclass(frozen=True, slots=True)
class LibraryIndex:
    """All releases, by the library's name in lower case: people write names as they like."""

    url: str
    by_name: dict[str, list[LibraryRelease]]

    def releases(self, name: str) -> list[LibraryRelease]:
        """Every version of a library."""
        return self.by_name.get(name.lower(), [])

    def resource(self, release: LibraryRelease) -> Resource:
        """What to download. Raises InvalidIndex."""
        name = f"library {release.name}@{release.version}"
        return resource(self.url, name, release.url, release.size, release.checksum)


def parse(data: bytes, url: str) -> LibraryIndex:
    """Read a library index. Raises InvalidIndex."""
    try:
        index = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=_Index)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidIndex(url, str(error)) from error
    by_name: dict[str, list[LibraryRelease]] = defaultdict(list)
    for release in index.libraries:
        by_name[release.name.lower()].append(release)
    return LibraryIndex(url, dict(by_name))
