"""One project's names for the files that the object cache knows: the project's own folder is `.`.

So two checkouts of a project, in whatever folders, share objects. The compiler is told the same
(`-ffile-prefix-map`: GCC 8, clang 10), or the objects would differ by their `__FILE__` and debug
information. An older one can be told of the debug information only (`-fdebug-prefix-map`): then
what is compiled from files outside of the project is shared (a core, a library), for no `__FILE__`
of theirs has the project's name. Everything else is shared by builds in the same folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fbuild_watch.build import probe
from fbuild_watch.build.graph import Digest, Job, Version, digest

_ALL, _DEBUG = "-ffile-prefix-map", "-fdebug-prefix-map"
_PREFIX_MAP = re.compile(
    r"(?P<option>-f(?:file|macro|debug)-prefix-map=)(?P<old>[^=]*)(?P<new>=.*)", re.DOTALL
)
_MARK = "\0"
_VERSION = "objects 2"
_NAMES_FILES = ("-iquote", "-isystem", "-idirafter", "-include", "-imacros", "-I")


class Places:
    """Names of one project's files in the cache, and back."""

    def __init__(self, project_dir: Path) -> None:
        self._project = str(project_dir)
        self._below = f"{project_dir}{os.sep}"

    async def ask(self, tool: str) -> None:
        """Learn from a compiler what `flags` needs to know of it."""
        if not await probe.ask(tool, _ALL):
            await probe.ask(tool, _DEBUG)

    def flags(self, tool: str) -> tuple[str, ...] | None:
        """What to add to a compiler's commands; None: it has to be asked first."""
        for option in (_ALL, _DEBUG):
            if knows := probe.knows(tool, option):
                return (self._flag(option),)
            if knows is None:
                return None
        return ()

    def is_shared(self, job: Job, inputs: Iterable[str]) -> bool:
        """Whether an object that was made of `inputs` is the one that its key stands for."""
        if self._flag(_DEBUG) not in job.argv or self._is_inside(job.inputs[0]):
            return True
        return not any(map(self._is_inside, inputs))

    def name(self, path: str) -> str:
        """A file's name in the cache."""
        return _MARK + path[len(self._below) :] if self._is_inside(path) else path

    def path(self, name: str) -> str:
        """The file of a name."""
        return self._below + name[1:] if name.startswith(_MARK) else name

    def key(self, job: Job, known: Sequence[Version]) -> Digest:
        """The digest of what is known of a unit before it is compiled: `known` are its source, its
        compiler, and the files of words that its command names.
        """
        source = known[0]
        outside = not self._is_inside(source.path)
        told = self._flag(_ALL) in job.argv or (outside and self._flag(_DEBUG) in job.argv)
        apart = (job.output, job.depfile)
        words = ["" if word in apart else word for word in job.argv]
        environment = list(job.environment)
        if told:
            words = list(self._mapped(words, source.path))
        else:  # the object has its folder's name in it
            environment.append(self._project)
        text = "\0\0".join((_VERSION, *environment, self.name(source.path), *words))
        contents = b"".join(version.digest for version in known)
        return digest(text.encode(errors="surrogateescape") + contents)

    def _mapped(self, words: Iterable[str], source: str) -> Iterator[str]:
        """The project's folder as `.` where a word is a name of a file, and nowhere else.

        In a macro (-DROOT="/here") it ends up in the object: there it has to stay in the key.
        """
        before = ""
        for word in words:
            option = next((name for name in _NAMES_FILES if word.startswith(name)), "")
            prefix = _PREFIX_MAP.match(word)
            if prefix:  # the project's own recipe may have some too
                yield prefix["option"] + self._mapped_name(prefix["old"]) + prefix["new"]
            elif option or before in _NAMES_FILES or word == source:
                yield option + self._mapped_name(word[len(option) :])
            else:
                yield word
            before = word

    def _flag(self, option: str) -> str:
        return f"{option}={self._project}=."

    def _is_inside(self, path: str) -> bool:
        return path.startswith(self._below)

    def _mapped_name(self, path: str) -> str:
        return _MARK if path == self._project else self.name(path)
