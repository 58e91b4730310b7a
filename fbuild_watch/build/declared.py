"""The inputs of a job that are known without a depfile: what its command names, and so on from there.

A command may name files of words (`@flags`), which name others; a linker script may name scripts and
objects (`INCLUDE`, `INPUT`), which are looked for where the linker runs, beside the script, and in
the folders of `-L` and `SEARCH_DIR`. Every place counts: a file that comes to lie before another is
an input that was not there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from fbuild_watch.build import linkscript, search
from fbuild_watch.build.graph import (
    Job,
    Look,
    Version,
    folders_of_libraries,
    libraries,
    mentions,
    with_library_path,
)
from fbuild_watch.build.linkscript import Named
from fbuild_watch.build.memory import ByContent

_LARGEST = 4 << 20
"""Bytes of a text that may be a script."""


class Declared:
    """Reads what commands name. Each content is read once."""

    def __init__(self, project: Path, build_dir: Path, look: Look) -> None:
        self._project = str(project)
        self._made_here = f"{build_dir}{os.sep}"
        self._look = look
        self._texts = ByContent(_text)
        self._scripts = ByContent(lambda version: linkscript.read(self._texts.of(version)))

    def of(self, job: Job) -> tuple[str, ...]:
        """All declared inputs that are there."""
        if not job.mentions:
            return job.inputs
        words, files = self._spelled_out(job)
        named = [*files, *job.mentions]
        if files:
            more = (self._path(name) for name in mentions(words))
            named += (path for path in more if not path.startswith(self._made_here))
        present = [path for path in dict.fromkeys(named) if self._look(path) is not None]
        if not job.is_unit:
            present += self._in_scripts([path for path in present if path not in files], words)
        return tuple(dict.fromkeys((*job.inputs, *present)))

    def _spelled_out(self, job: Job) -> tuple[tuple[str, ...], dict[str, None]]:
        """The command, and the files of words in it."""
        files: dict[str, None] = {}

        def text(name: str) -> str:
            path = self._path(name)
            version = self._look(path)
            if version is None:
                raise FileNotFoundError(path)
            files[path] = None
            return self._texts.of(version)

        words = search.spelled_out(job.argv, text)
        return with_library_path(tuple(words), job.environment), files

    def _in_scripts(self, paths: list[str], words: tuple[str, ...]) -> Iterator[str]:
        """What the scripts among these files name, and the scripts among those."""
        searched = [self._path(folder) for folder in folders_of_libraries(words)]
        waiting, seen = paths, set(paths)
        while waiting:
            script = waiting.pop()
            version = self._look(script)
            named = self._scripts.of(version) if version else Named()
            searched += (self._path(folder) for folder in named.folders)
            for path in self._places(named.files, (os.path.dirname(script), *searched)):  # noqa: PTH120
                if path not in seen and self._look(path) is not None:
                    seen.add(path)
                    waiting.append(path)
                    yield path

    def _places(self, names: Iterable[str], folders: tuple[str, ...]) -> Iterator[str]:
        for name in names:
            wanted = libraries(name[2:]) if name.startswith("-l") else (name,)
            for one in wanted:
                yield self._path(one)
                yield from (os.path.join(folder, one) for folder in folders)  # noqa: PTH118

    def _path(self, name: str) -> str:
        return os.path.join(self._project, name)  # noqa: PTH118


def _text(version: Version) -> str:
    """A file's text; nothing where it is none: an object, an archive."""
    try:
        with open(version.path, "rb") as file:  # noqa: PTH123
            data = file.read(_LARGEST)
    except OSError:
        return ""
    return "" if b"\0" in data else data.decode("utf-8", "replace")
