"""Libraries that come compiled (`precompiled=true` or `full` in library.properties).

Rules (Arduino library specification)
- The archives lie in `src/MCU`; every `libNAME.a` and `libNAME.so` there is linked with -lNAME.
- With `full` the sources are not compiled where archives for the chip are there.
- `ldflags` counts only with precompiled archives.
"""

from __future__ import annotations

import os
from pathlib import Path

from fbuild_watch.project.libraries import Library


def replaces_sources(library: Library, mcu: str) -> bool:
    """Whether the archives stand for the sources."""
    return library.manifest.precompiled == "full" and bool(_archives(library, mcu))


def link_words(library: Library, mcu: str) -> list[str]:
    """What a link needs of a library's archives."""
    names = _archives(library, mcu)
    if not names:
        return []
    folder = _folder(library, mcu)
    return [f"-L{folder}", *library.manifest.ldflags.split(), *(f"-l{name}" for name in names)]


def _folder(library: Library, mcu: str) -> Path:
    return library.sources_dir / mcu


def _archives(library: Library, mcu: str) -> list[str]:
    if not library.manifest.precompiled:
        return []
    try:
        files = sorted(os.listdir(_folder(library, mcu)))  # noqa: PTH208  (names, not Path objects)
    except OSError:
        return []
    names = (file.partition(".") for file in files if file.startswith("lib"))
    return list(dict.fromkeys(stem[3:] for stem, _, kind in names if kind in ("a", "so")))
