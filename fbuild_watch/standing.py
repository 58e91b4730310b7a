"""A build after which nothing is to do, kept so that the next process need not plan to find that.

What is kept is how everything was found that the build rests on: files read and folders listed by
planning and by the engine, names that were looked for in vain, programs, the environment. While all
of that is so, what there is to say of it is said again, and nothing else is done.

Rules
- Anything that differs, or cannot be told, means no: then the build is done as ever.
- Kept only where nothing is in doubt: every stamp is settled, or stands for a content.
- Imports nothing slow: it is asked before anything else is.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from blake3 import blake3

from fbuild_watch import __version__
from fbuild_watch.outputs import OUTPUTS
from fbuild_watch.system import stamps, surroundings
from fbuild_watch.system.files import write_atomically

if TYPE_CHECKING:
    from fbuild_watch.build import Grounds
    from fbuild_watch.model import BuildPlan
    from fbuild_watch.project.memory import Looks
    from fbuild_watch.system.stamps import Stamp

_FOLDER = "standing"
_LEFT_OUT = ("_", "PWD", "OLDPWD", "SHLVL", "COLUMNS", "LINES", "TERM", "WINDOWID")
"""Variables that say where a shell stands, and change nothing that is built."""


class Said(msgspec.Struct, array_like=True, frozen=True):
    """A line on stdout, or on stderr."""

    text: str
    to_stderr: bool = False


class Standing(msgspec.Struct, array_like=True):
    """What was found, and what there is to say of it."""

    key: bytes
    stamps: list[tuple[str, int, int, int, int]]
    absent: list[str]
    no_files: list[str]
    contents: list[tuple[str, bytes]]
    tools: dict[str, str | None]
    slips: list[str]
    """What is to be said of the project's files whenever they are read."""
    said: list[Said]
    """The build's own report."""


def recall(project: Path, environment: str | None, *, release: bool) -> Standing | None:
    """What was kept, if a build would find nothing to do; None: it has to be done."""
    try:
        data = _place(project, environment, release).read_bytes()
        standing = msgspec.msgpack.decode(data, type=Standing)
    except (OSError, msgspec.DecodeError):
        return None
    return standing if standing.key == _key() and _stands(standing) else None


def keep(
    project: Path,
    environment: str | None,
    slips: Sequence[str],
    said: list[Said],
    plan: BuildPlan,
    planned: Looks,
    built: Grounds,
    *,
    release: bool,
) -> None:
    """Keep that there is nothing to do, where that can be told again.

    A folder that refuses costs time later, nothing else.
    """
    looks = {**planned.found, **built.stamps}
    data = _below(plan.environment.data_dir)
    same = all(planned.found.get(path, stamp) == stamp for path, stamp in built.stamps.items())
    if data is None or not (planned.is_sure and same):
        return
    looks |= data
    contents = {**built.contents, **_images(plan.environment.build_dir, looks)}
    there = [(path, *stamp) for path, stamp in looks.items() if stamp is not None]
    absent = [path for path, stamp in looks.items() if stamp is None]
    tools = {**planned.programs, **built.tools}
    no_files, held = list(built.no_files), list(contents.items())
    standing = Standing(_key(), there, absent, no_files, held, tools, list(slips), said)
    place = _place(project, environment, release)
    with contextlib.suppress(OSError, UnicodeEncodeError):
        data_kept = msgspec.msgpack.encode(standing)
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, data_kept)


def _below(folder: Path | None) -> dict[str, Stamp | None] | None:
    """How the files of an asset folder are found; None: they change just now."""
    if folder is None:
        return {}
    paths = [folder, *(folder.rglob("*") if folder.is_dir() else ())]
    found = {str(path): stamps.now(str(path)) for path in paths}
    return found if all(map(stamps.is_settled, found.values())) else None


def _images(build_dir: Path, known: Mapping[str, Stamp | None]) -> dict[str, bytes]:
    """What was made of the ELF, by content: it is in nobody's memory."""
    files = (path for path in build_dir.iterdir() if path.suffix != ".map" and path.is_file())
    named = (str(path) for path in files if not path.name.startswith("."))
    found = {path: _digest(path) for path in named if path not in known}
    return {path: content for path, content in found.items() if content is not None}


def _digest(path: str) -> bytes | None:
    """A file's content, as the engine's digests are; None where it cannot be read."""
    try:
        return blake3(Path(path).read_bytes()).digest(16)
    except OSError:
        return None


def _stands(standing: Standing) -> bool:
    return (
        all(surroundings.which(name) == file for name, file in standing.tools.items())
        and all(stamps.now(path) == (a, b, c, d) for path, a, b, c, d in standing.stamps)
        and not any(map(os.path.lexists, standing.absent))
        and not any(map(os.path.isfile, standing.no_files))
        and all(_digest(path) == content for path, content in standing.contents)
    )


def _key() -> bytes:
    """This fbuild, and the environment that it works in."""
    variables = sorted(surroundings.environ().items())
    lines = [f"{name}={value}" for name, value in variables if name not in _LEFT_OUT]
    text = "\0".join((__version__, *lines))
    return blake3(text.encode(errors="surrogateescape")).digest(16)


def _place(project: Path, environment: str | None, release: bool) -> Path:
    """By the project's own path too: what a copy of it holds is kept of another folder."""
    about = f"{environment or ''}\0{release}\0{project.absolute()}"
    named = blake3(os.fsencode(about)).hexdigest(8)
    return project / OUTPUTS / _FOLDER / named
