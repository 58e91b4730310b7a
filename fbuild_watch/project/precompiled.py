"""Libraries that come compiled (`precompiled=true` or `full` in library.properties).

Rules (Arduino library specification)
- The archives lie in `src/MCU/FPU-ABI` for a compiler that is told of these (`-mfpu=`,
  `-mfloat-abi=`), else in `src/MCU`; every `libNAME.a` and `libNAME.so` there is linked with -lNAME.
- With `full` the sources are not compiled where archives for the chip are there.
- `ldflags` counts only with precompiled archives.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fbuild_watch.project.libraries import Library
from fbuild_watch.project.memory import below, is_dir


def place(mcu: str, command: Sequence[str]) -> str:
    """Where archives for a chip lie below `src`, by how C++ is compiled for it."""
    told = [word.partition("=")[2] for option in ("-mfpu=", "-mfloat-abi=")
            for word in command if word.startswith(option)]  # fmt: skip
    return f"{mcu}/{'-'.join(told)}" if told else mcu


def replaces_sources(library: Library, place: str) -> bool:
    """Whether the archives stand for the sources."""
    return library.manifest.precompiled == "full" and bool(_archives(library, place))


def link_words(library: Library, place: str) -> list[str]:
    """What a link needs of a library's archives."""
    names = _archives(library, place)
    if not names:
        return []
    folder = _folder(library, place)
    return [f"-L{folder}", *library.manifest.ldflags.split(), *(f"-l{name}" for name in names)]


def _folder(library: Library, place: str) -> Path:
    folder = library.sources_dir / place
    return folder if is_dir(folder) else library.sources_dir / place.partition("/")[0]


def _archives(library: Library, place: str) -> list[str]:
    if not library.manifest.precompiled:
        return []
    files = (path.name for path in below(_folder(library, place)))
    names = (file.partition(".") for file in files if file.startswith("lib"))
    return list(dict.fromkeys(stem[3:] for stem, _, kind in names if kind in ("a", "so")))
