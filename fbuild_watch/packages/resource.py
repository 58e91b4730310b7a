"""Something to download, and what it must be. Pure."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from fbuild_watch.errors import InvalidIndex

_ALGORITHMS = {"SHA-256": "sha256", "SHA-512": "sha512", "SHA-1": "sha1", "MD5": "md5"}
"""As Arduino writes them; the old ones stand in old indexes, and still catch damage."""


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest that a file must have."""

    algorithm: str
    """hashlib's name of it."""
    hex: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


@dataclass(frozen=True, slots=True)
class Resource:
    """A file at a URL. `size` in bytes; None, as `digest`: nobody has said."""

    package: str
    """What it is of, in words."""
    url: str
    size: int | None = None
    digest: Digest | None = None


def resource(index: str, package: str, url: str, size: int | str | None, checksum: str) -> Resource:
    """Read an index's entry; a size that is no count of bytes says nothing.

    Raises InvalidIndex unless it has a URL and a digest.
    """
    if not url:
        raise InvalidIndex(index, f"{package} has no url")
    digest = _digest(checksum)
    if digest is None:
        raise InvalidIndex(index, f"{package} has no checksum that can be checked ({checksum!r})")
    text = str(size)
    known = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    return Resource(package, url, known or None, digest)


def _digest(checksum: str) -> Digest | None:
    name, _, value = checksum.partition(":")
    algorithm = _ALGORITHMS.get(name.strip().upper())
    value = value.strip().lower()
    if algorithm is None or not re.fullmatch(r"[0-9a-f]+", value):
        return None
    length = hashlib.new(algorithm, usedforsecurity=False).digest_size * 2
    return Digest(algorithm, value) if len(value) == length else None
