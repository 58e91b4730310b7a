"""Which ELF a panic is decoded with, and how sure it is that the board runs it.

    the board prints its ELF's SHA-256      that ELF, or none: another one would lie
    this session has proven a build         the ELF that was kept of it
    nothing is known                        the newest flashed, else the newest built: unverified

Blocks: call it in a thread. The board is never asked: that would reset it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fbuild_watch.decode.kept import KeptElf, KeptElfs, sha256_of


@dataclass(frozen=True, slots=True)
class Sources:
    """Where ELFs are looked for."""

    kept: KeptElfs | None = None
    built: Callable[[], Path | None] = field(default=lambda: None)
    """The ELF that was built last; on which board it is, if any, is not known."""
    project_dir: Path | None = None
    src_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """An ELF, or why there is none, in words."""

    path: Path | None
    words: str
    is_verified: bool = False
    sha256: str = ""
    """What the digest of the ELF must begin with when it is read: it may be replaced before."""


def choose(sources: Sources, sha256: str, proven: str | None) -> Choice:
    """`sha256`: what the board printed, if it did; `proven`: the build it holds, if that is known."""
    kept = sources.kept.all() if sources.kept else []
    if sha256:
        return _printed(sources, kept, sha256)
    if proven is not None:
        of_build = next((elf for elf in kept if elf.build_id == proven), None)
        if of_build is not None:
            return Choice(
                of_build.path, f"decoded with build {proven}, proven in this session", True
            )
        return Choice(None, f"not decoded: the ELF of build {proven}, which runs, was not kept")
    return _unverified(sources, kept)


def _printed(sources: Sources, kept: list[KeptElf], sha256: str) -> Choice:
    for elf in kept:
        if elf.sha256.startswith(sha256):
            words = f"decoded with build {elf.build_id}, whose ELF SHA-256 the board printed"
            return Choice(elf.path, words, True, sha256)
    built = _existing(sources)
    if built is not None and _digest(built).startswith(sha256):
        words = f"decoded with {built.name}, whose SHA-256 the board printed"
        return Choice(built, words, True, sha256)
    return Choice(
        None,
        f"not decoded: no ELF here has the SHA-256 that the board printed ({sha256[:16]}...);\n"
        "  it runs another build than those of this project: flash this one to see where it fails",
    )


def _unverified(sources: Sources, kept: list[KeptElf]) -> Choice:
    path = kept[0].path if kept else _existing(sources)
    if path is None:
        return Choice(None, "not decoded: no ELF is here; build the project")
    name = f"build {kept[0].build_id}" if kept else path.name
    return Choice(path, f"unverified: decoded with {name}, and the board may hold another build")


def _existing(sources: Sources) -> Path | None:
    path = sources.built()
    return path if path is not None and path.is_file() else None


def _digest(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:
        return ""
