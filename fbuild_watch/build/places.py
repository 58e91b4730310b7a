"""One project's names for the files that the object cache knows: the project's own folder is `.`.

So two checkouts of a project, in whatever folders, share objects. The compiler is told the same
(`-ffile-prefix-map`: GCC 8, clang 10), or the objects would differ by their `__FILE__` and debug
information. Where it cannot be told, names stay as they are, and only the same folder shares.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from fbuild_watch.build.graph import Digest, Job, Version, digest

_MARK = "\0"
_VERSION = "objects 1"
_READ_BY_COMPILERS = (
    "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX",
    "SOURCE_DATE_EPOCH",
)  # fmt: skip

_NAMES_FILES = ("-iquote", "-isystem", "-idirafter", "-include", "-imacros", "-I")


class Places:
    """Names of one project's files in the cache, and back."""

    def __init__(self, project_dir: Path) -> None:
        self._project = str(project_dir)
        self._below = f"{project_dir}{os.sep}"

    @property
    def flag(self) -> str:
        """The word that tells a compiler."""
        return f"-ffile-prefix-map={self._project}=."

    def name(self, path: str) -> str:
        """A file's name in the cache."""
        return _MARK + path[len(self._below) :] if path.startswith(self._below) else path

    def path(self, name: str) -> str:
        """The file of a name."""
        return self._below + name[1:] if name.startswith(_MARK) else name

    def key(self, job: Job, source: Version, tool: Version) -> Digest:
        """The digest of what is known of a unit before it is compiled."""
        told = self.flag in job.argv
        apart = (job.output, job.depfile)
        words = ["" if word in apart else word for word in job.argv]
        environment = [os.environ.get(name, "") for name in _READ_BY_COMPILERS]
        if told:
            words = list(self._mapped(words, source.path))
        else:  # the object has its folder's name in it
            environment.append(self._project)
        text = "\0\0".join((_VERSION, *environment, self.name(source.path), *words))
        return digest(text.encode(errors="surrogateescape") + source.digest + tool.digest)

    def _mapped(self, words: Iterable[str], source: str) -> Iterator[str]:
        """The project's folder as `.` where a word is a name of a file, and nowhere else.

        In a macro (-DROOT="/here") it ends up in the object: there it has to stay in the key.
        """
        before = ""
        for word in words:
            option = next((name for name in _NAMES_FILES if word.startswith(name)), "")
            if word == self.flag:
                yield ""
            elif option or before in _NAMES_FILES or word == source:
                yield option + self._mapped_name(word[len(option) :])
            else:
                yield word
            before = word

    def _mapped_name(self, path: str) -> str:
        return _MARK if path == self._project else self.name(path)
