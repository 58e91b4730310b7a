"""What a package is called, and its place in the store. Pure.

The places are Arduino's, so that a core's `{runtime.tools.NAME.path}` and what people know of
`packages/` hold here too:

    packages/VENDOR/hardware/ARCH/VERSION     a platform (a core with its boards)
    packages/VENDOR/tools/NAME/VERSION        a tool
    libraries/NAME/VERSION                    a library

Names come from indexes and URLs, so none of them is trusted: in a path only letters, digits and
`.-_` are kept, and no part starts with a dot. What came by a bare URL has a digest of that URL for
its version.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

Kind = Literal["platform", "tool", "library"]

BY_URL = "url-"
"""What the version of a package starts with that came by URL, not by an index."""

LIBRARIES = "libraries"
"""The vendor of all libraries: they have none."""


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """One version of one package. For a platform, `name` is its architecture."""

    kind: Kind
    vendor: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.kind} {self.full_name}@{self.version}"

    @property
    def full_name(self) -> str:
        """vendor:name; a library's name alone."""
        return self.name if self.kind == "library" else f"{self.vendor}:{self.name}"

    @property
    def place(self) -> PurePosixPath:
        """Its folder, relative to the store."""
        return shelf(self.kind, self.vendor, self.name) / _safe(self.version)

    @property
    def slug(self) -> str:
        """A file name of its own."""
        return "~".join(self.place.parts)


def shelf(kind: Kind, vendor: str, name: str) -> PurePosixPath:
    """The folder that holds all versions of a package, relative to the store."""
    if kind == "library":
        return PurePosixPath("libraries", _safe(name))
    middle = "hardware" if kind == "platform" else "tools"
    return PurePosixPath("packages", _safe(vendor), middle, _safe(name))


def version_of_url(url: str) -> str:
    """What stands for a version where a URL is all there is."""
    return BY_URL + hashlib.sha256(url.encode()).hexdigest()[:12]


def _safe(name: str) -> str:
    """A name as one part of a path, also on Windows, where a dot at an end vanishes."""
    return re.sub(r"[^A-Za-z0-9.\-_+]", "_", name).strip(".")[:100] or "_"
