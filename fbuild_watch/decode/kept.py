"""The ELFs of what was flashed, kept with a project: a panic is decoded with the one that runs.

    .fbuild/elfs/BUILD.candidate       built, about to be flashed
    .fbuild/elfs/BUILD-SHA256.elf      proven on a board

Blocks: call it in a thread. Rules
- A kept file is no second name of the linker's output: some linkers and every `objcopy` write into
  the file that is there. It is a reflink where the file system can, else a copy.
- A name is given to a whole file only, and the digest in it is of the bytes under it.
- The number is bounded: the KEPT newest of each sort. What runs on a board is among them, since
  proving it again makes it the newest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from fbuild_watch.outputs import make_folder
from fbuild_watch.system.clone import copy
from fbuild_watch.system.files import beside

KEPT = 8
CANDIDATES = 3
"""More than one: a newer build may end while an older one is being flashed."""

_NAME = re.compile(r"([0-9a-f]+)-([0-9a-f]{64})\.elf")
_SUFFIX = ".candidate"


@dataclass(frozen=True, slots=True)
class KeptElf:
    """One of them."""

    path: Path
    build_id: str
    sha256: str


class KeptElfs:
    """Those of one project. None of its methods raises: a full disk must not stop a flash."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when the first is kept."""
        self._folder = folder
        self._last: tuple[str, int, int] | None = None

    def add(self, build_id: str, elf: Path) -> None:
        """A build is about to be flashed: its ELF, before the next build writes over it."""
        with suppress(OSError):
            stat = elf.stat()
            this = (build_id, stat.st_mtime_ns, stat.st_size)
            if self._last == this and self._has(build_id):
                return
            make_folder(self._folder)
            self._copy(elf, self._candidate(build_id))
            _remove(self._newest(f"*{_SUFFIX}")[CANDIDATES:])
            self._last = this

    def prove(self, build_id: str) -> None:
        """A board holds this build."""
        with suppress(OSError):
            candidate = self._candidate(build_id)
            if candidate.exists():
                name = f"{build_id}-{sha256_of(candidate)}.elf"
                candidate.replace(self._folder / name)
            for kept in self.of_build(build_id)[:1]:
                kept.path.touch()
            _remove(self._newest("*.elf")[KEPT:])

    def keep(self, build_id: str, elf: Path) -> None:
        """A board holds this build, of which `elf` is if nothing was kept of it before."""
        with suppress(OSError):
            if not self._has(build_id):
                self.add(build_id, elf)
        self.prove(build_id)

    def all(self) -> list[KeptElf]:
        """The newest first."""
        matches = ((path, _NAME.fullmatch(path.name)) for path in self._newest("*.elf"))
        return [KeptElf(path, match[1], match[2]) for path, match in matches if match]

    def of_build(self, build_id: str) -> list[KeptElf]:
        """Those of a build, the newest first: one image may come of two ELFs."""
        return [kept for kept in self.all() if kept.build_id == build_id]

    def _candidate(self, build_id: str) -> Path:
        return self._folder / f"{build_id}{_SUFFIX}"

    def _has(self, build_id: str) -> bool:
        return self._candidate(build_id).exists() or bool(self.of_build(build_id))

    def _copy(self, elf: Path, target: Path) -> None:
        """Whole or not at all: what a full disk has cut off is not left on it."""
        aside = beside(target)
        try:
            aside.unlink(missing_ok=True)
            copy(elf, aside)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)

    def _newest(self, pattern: str) -> list[Path]:
        files = []
        for path in self._folder.glob(pattern):
            with suppress(OSError):  # as one that another process of ours has removed
                files.append((path.stat().st_mtime_ns, path.name, path))
        return [path for _, _, path in sorted(files, reverse=True)]


def sha256_of(path: Path) -> str:
    """The digest of a file in hex digits. Raises OSError."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
