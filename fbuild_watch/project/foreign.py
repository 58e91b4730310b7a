"""Projects that another program builds: CMake's (ESP-IDF and friends), and any command.

Not here: running it (build/foreign.py) and reading its images (image/foreign.py).

Rules
- CMake: a folder with CMakeLists.txt, and below it a build folder that CMake has configured, with
  the flasher_args.json that names the images. What builds is what that folder says: ninja itself
  where it was made for ninja, else `cmake --build`.
- A command: `custom_fbuild_build` (each line a command, without a shell), and
  `custom_fbuild_regions` (OFFSET=FILE, or the path of a flasher_args.json).
- The project's folders are watched, but not what is built, hidden, or named in its .gitignore.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fbuild_watch.errors import InvalidProject, UnknownEnvironment
from fbuild_watch.model import Environment, ForeignPlan
from fbuild_watch.project.config import split_items

LISTS = "CMakeLists.txt"
COMMAND = "fbuild_build"
REGIONS = "fbuild_regions"
_CACHE = "CMakeCache.txt"
_ARGS = "flasher_args.json"
_DESCRIPTION = "project_description.json"
_BAUD = 115200
"""ESP-IDF's default of CONFIG_ESP_CONSOLE_UART_BAUDRATE."""

_ENTRY = re.compile(r"^(?P<key>[^#/\s][^:=]*):[^=]*=(?P<value>.*)$", re.MULTILINE)
_PLACE = re.compile(r"(?P<offset>0[xX][0-9a-fA-F]{1,8}|\d{1,10})\s*=\s*(?P<file>.+)")
_PLAIN_NAME = re.compile(r"/?(?P<name>[\w.-]+)/?")


# --- CMake ---------------------------------------------------------------------------------


def environments(project_dir: Path) -> list[str]:
    """The names of a project's configured build folders."""
    return sorted(path.parent.name for path in project_dir.glob(f"*/{_CACHE}"))


def load(project_dir: Path, name: str | None) -> Environment:
    """The environment of a CMake project; `name`: its build folder's.

    Raises InvalidProject where none is configured, UnknownEnvironment.
    """
    lists = project_dir / LISTS
    names = environments(project_dir)
    if not names:
        hint = "configure it first: idf.py reconfigure, or cmake -B build -G Ninja"
        raise InvalidProject("no folder here is configured by CMake", path=str(lists), hint=hint)
    wanted = name or ("build" if "build" in names else names[0])
    if wanted not in names:
        raise UnknownEnvironment(wanted, names, str(project_dir))
    folder = project_dir / wanted
    _check_source(_cache(folder), project_dir, folder)
    description = _description(folder)
    return Environment(
        name=wanted,
        project_dir=project_dir,
        src_dir=project_dir,
        build_dir=folder,
        board="",
        monitor_speed=_baud(description.get("monitor_baud")),
        read_from=(lists, folder / _CACHE),
    )


def plan_cmake(environment: Environment) -> ForeignPlan:
    """The build of a CMake project."""
    folder = environment.build_dir
    cache = _cache(folder)
    ninja = cache.get("CMAKE_MAKE_PROGRAM", "") if cache.get("CMAKE_GENERATOR") == "Ninja" else ""
    cmake = cache.get("CMAKE_COMMAND", "cmake")
    build = (ninja, "-C", str(folder)) if ninja else (cmake, "--build", str(folder))
    elf = _description(folder).get("app_elf")
    return ForeignPlan(
        environment=environment,
        folder=environment.project_dir,
        commands=(build,),
        clean=((*build, "-t", "clean") if ninja else (*build, "--target", "clean"),),
        flasher_args=folder / _ARGS,
        elf=folder / elf if isinstance(elf, str) else None,
        deps_from=(*build, "-t", "deps") if ninja else (),
        depfiles=None if ninja else folder,
        outputs=(folder,),
        tools=_compilers(cache),
        watch_roots=_folders(environment.project_dir, (folder,)),
        toolchain=f"{Path(build[0]).stem} in {folder.name}",
    )


def _cache(folder: Path) -> dict[str, str]:
    path = folder / _CACHE
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InvalidProject(error.strerror or str(error), path=str(path)) from error
    return {match["key"]: match["value"].strip() for match in _ENTRY.finditer(text)}


def _check_source(cache: Mapping[str, str], project_dir: Path, folder: Path) -> None:
    source = cache.get("CMAKE_HOME_DIRECTORY")
    if source and Path(source).resolve() != project_dir.resolve():
        raise InvalidProject(
            f"this was configured for {source}",
            path=str(folder / _CACHE),
            hint=f"remove {folder} and configure it again",
        )


def _description(folder: Path) -> dict[str, Any]:
    """What ESP-IDF says of a project; empty where another system built it."""
    try:
        found = json.loads((folder / _DESCRIPTION).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _baud(text: object) -> int:
    words = str(text)
    return int(words) if words.isascii() and words.isdigit() and int(words) else _BAUD


def _compilers(cache: Mapping[str, str]) -> tuple[Path, ...]:
    """The folders under which the compilers of a build are installed."""
    programs = (cache.get(f"CMAKE_{language}_COMPILER") for language in ("C", "CXX", "ASM"))
    return tuple(dict.fromkeys(Path(program).parents[1] for program in programs
                               if program and len(Path(program).parents) > 2))  # fmt: skip


# --- any command ---------------------------------------------------------------------------


def plan_command(environment: Environment) -> ForeignPlan:
    """The build of a project that names its own command."""
    placed = regions(environment.custom[REGIONS])
    files = [environment.project_dir / file for _, file in placed]
    args = next((path for path, (offset, _) in zip(files, placed, strict=True) if offset is None),
                None)  # fmt: skip
    outputs = _outputs(environment.project_dir, files)
    lines = commands(environment.custom[COMMAND])
    return ForeignPlan(
        environment=environment,
        folder=environment.project_dir,
        commands=lines,
        flasher_args=args,
        regions=tuple((offset, path) for path, (offset, _) in zip(files, placed, strict=True)
                      if offset is not None),
        outputs=(*outputs, *files),
        watch_roots=(*_folders(environment.project_dir, outputs),
                     *_elsewhere(environment)),
        toolchain=" ".join(lines[0]),
    )  # fmt: skip


def commands(text: str) -> tuple[tuple[str, ...], ...]:
    """The commands of `custom_fbuild_build`. Raises ValueError, in words."""
    found = tuple(tuple(shlex.split(line)) for line in text.split("\n") if line.strip())
    if not found:
        raise ValueError("there is no command")
    return found


def regions(text: str) -> tuple[tuple[int | None, Path], ...]:
    """The images of `custom_fbuild_regions`; offset None: a flasher_args.json.

    Raises ValueError, in words.
    """
    found = tuple(_placed(item) for item in split_items(text))
    if not found:
        raise ValueError("there is no image")
    if any(offset is None for offset, _ in found) and len(found) > 1:
        raise ValueError("a .json file names all images: nothing can stand beside it")
    return found


def _placed(item: str) -> tuple[int | None, Path]:
    if match := _PLACE.fullmatch(item):
        return int(match["offset"], 16 if "x" in match["offset"].lower() else 10), Path(
            match["file"]
        )
    if item.endswith(".json"):
        return None, Path(item)
    raise ValueError(f"{item!r} is neither OFFSET=FILE nor a flasher_args.json")


def _elsewhere(environment: Environment) -> tuple[Path, ...]:
    """The sources that the project names outside of its own folder."""
    named = (environment.src_dir, environment.include_dir, environment.lib_dir)
    return tuple(
        folder for folder in named
        if folder and not folder.is_relative_to(environment.project_dir)
    )  # fmt: skip


# --- what is watched -----------------------------------------------------------------------


def _folders(project_dir: Path, outputs: Sequence[Path]) -> tuple[Path, ...]:
    """The project's folders without those that are built, hidden or ignored by its repository."""
    ignored = _ignored(project_dir)
    return tuple(
        path
        for path in sorted(project_dir.iterdir())
        if path.is_dir()
        and not path.name.startswith((".", "__"))
        and path.name not in ignored
        and path not in outputs
        and not (path / _CACHE).exists()
    )


def _outputs(project_dir: Path, files: Sequence[Path]) -> tuple[Path, ...]:
    """The project's folders in which the images are made: all of `target` for target/x/app.bin."""
    names = (path.relative_to(project_dir).parts for path in files
             if path.is_relative_to(project_dir))  # fmt: skip
    return tuple(dict.fromkeys(project_dir / parts[0] for parts in names if len(parts) > 1))


def _ignored(project_dir: Path) -> set[str]:
    """The plain names in .gitignore: patterns with more to them are not looked at."""
    try:
        text = (project_dir / ".gitignore").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    matches = (_PLAIN_NAME.fullmatch(line.strip()) for line in text.splitlines())
    return {match["name"] for match in matches if match}
