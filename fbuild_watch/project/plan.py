"""An environment to a BuildPlan: every command that makes its ELF, by the core's own recipes.

Not here: running anything (build/), and the flash image (image/).

Rules
- No chip has code here; what differs between cores stands in their platform.txt and boards.txt.
- Core sources go into core.a, variant and project objects are linked directly, the project's last.
- An object is named after its source's place, suffix included: equal names never collide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from fbuild_watch.errors import InvalidProject
from fbuild_watch.model import BuildPlan, Environment, FlashSettings, Step, TranslationUnit
from fbuild_watch.project import arduino, sources, toolchain
from fbuild_watch.project import properties as props
from fbuild_watch.project.recipe import Recipes, protect

_HOOK = re.compile(r"(?P<recipe>recipe\.hooks\.prebuild\.(?P<number>.+))\.pattern")
_IDE_VERSION = "10819"
"""What cores expect in ARDUINO: the last of the 1.8 line, as other builders say."""


def plan(environment: Environment) -> BuildPlan:
    """Plan a build. Reads folders and the core's files; runs nothing.

    Raises InvalidProject, UnknownBoard, CompilerMissing.
    """
    board = arduino.find(environment.board, [environment.project_dir / "hardware"])
    chosen = toolchain.choose(board, _runtime(environment, board))
    recipes = Recipes(_with_flags(chosen.properties, environment), str(board.files[0]))
    folders = _folders(environment, board, recipes)
    units = _Units(recipes, environment.build_dir / "obj", folders.includes)
    core = units.of("core", sources.discover(folders.core), folders.core)
    variant = units.of("variant", sources.discover(folders.variant), folders.variant)
    project = units.of("src", _project_sources(environment), environment.src_dir)
    prebuild, outputs = _hooks(recipes)
    archive = _archive(recipes, environment, core) if core else None
    elf = environment.build_dir / "firmware.elf"
    bootloader = environment.build_dir / "bootloader.elf"
    return BuildPlan(
        environment=environment,
        chip=recipes.get("build.mcu"),
        prebuild=prebuild,
        units=(*core, *variant, *project),
        archives=(archive,) if archive else (),
        link=_link(recipes, elf, (*variant, *project), archive),
        elf=elf,
        flash=_flash(recipes),
        bootloader_elf=bootloader if bootloader in outputs else None,
        bootloader_offset=_number(recipes, "build.bootloader_addr", "0"),
        partitions_csv=_partitions(environment, board, recipes),
        watch_roots=(*folders.all, *_data_root(environment)),
        toolchain=chosen.label,
        read_from=(environment.project_dir / "platformio.ini", *board.files),
    )


# --- properties ----------------------------------------------------------------------------


def _runtime(environment: Environment, board: arduino.Board) -> dict[str, str]:
    """The properties that the builder itself defines (specification, "Global predefined")."""
    name = board.name
    core = board.own.get("build.core", "arduino")
    variant = board.own.get("build.variant", "standard")
    values: dict[str, str | Path] = {
        "build.path": environment.build_dir,
        "build.project_name": "firmware",
        "build.arch": name.arch.upper(),
        "build.fqbn": environment.board,
        "build.source.path": environment.src_dir,
        "build.core.path": board.platform_dir / "cores" / core,
        "build.variant.path": board.platform_dir / "variants" / variant,
        "build.system.path": board.platform_dir / "system",
        "runtime.platform.path": board.platform_dir,
        "runtime.hardware.path": board.platform_dir.parent,
        "runtime.os": props.system(),
        "runtime.ide.version": _IDE_VERSION,
        "ide_version": _IDE_VERSION,
        "archive_file": "core.a",
        "archive_file_path": environment.build_dir / "core.a",
    }
    return {key: protect(value) for key, value in values.items()} | toolchain.tools()


def _with_flags(properties: dict[str, str], environment: Environment) -> dict[str, str]:
    """The project's build_flags go where the specification lets a user add flags."""
    flags = " ".join(protect(flag) for flag in environment.build_flags)
    extra = {
        key: f"{properties.get(key, '')} {flags}"
        for key in ("compiler.c.extra_flags", "compiler.cpp.extra_flags", "compiler.S.extra_flags")
    }
    return {**properties, **extra}


def _number(recipes: Recipes, name: str, default: str) -> int:
    text = recipes.get(name, default)
    try:
        return int(text, 0)
    except ValueError as error:
        raise InvalidProject(f"{name}={text} is not a number", path=recipes.path) from error


def _flash(recipes: Recipes) -> FlashSettings:
    usual = FlashSettings()
    return FlashSettings(
        mode=recipes.get("build.flash_mode", usual.mode),
        freq=recipes.get("build.flash_freq", usual.freq),
        size=recipes.get("build.flash_size", usual.size),
    )


# --- files ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Folders:
    core: Path
    variant: Path
    includes: tuple[Path, ...]

    @property
    def all(self) -> tuple[Path, ...]:
        return tuple(folder for folder in self.includes if folder.is_dir())


def _folders(environment: Environment, board: arduino.Board, recipes: Recipes) -> _Folders:
    core, variant = Path(recipes.get("build.core.path")), Path(recipes.get("build.variant.path"))
    if not core.is_dir():
        raise InvalidProject(f"the core's folder {core} is missing", path=str(board.files[1]))
    own = (environment.project_dir / "include", environment.src_dir)
    includes = [folder for folder in (core, variant, *own) if folder.is_dir()]
    return _Folders(core, variant, tuple(includes))


def _project_sources(environment: Environment) -> list[Path]:
    project = environment.project_dir
    ignored = [project / name for name in ("hardware", "build", ".fbuild")]
    found = sources.discover(environment.src_dir, ignored)
    if not found:
        hint = f"put a source file ({' '.join(sources.RECIPES)}) there, or set src_dir"
        message = "the folder has no sources" if environment.src_dir.is_dir() else "no such folder"
        raise InvalidProject(message, path=str(environment.src_dir), hint=hint)
    return found


def _data_root(environment: Environment) -> tuple[Path, ...]:
    """Named even where it is not there yet, so that the first file in it is seen."""
    return (environment.data_dir,) if environment.data_dir else ()


def _partitions(environment: Environment, board: arduino.Board, recipes: Recipes) -> Path | None:
    name = recipes.get("build.partitions", "default")
    own = environment.project_dir / "partitions.csv"
    platform = board.platform_dir / "tools" / "partitions" / f"{name}.csv"
    return next((path for path in (own, platform) if path.is_file()), None)


# --- commands ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Units:
    """Makes the translation units of one plan."""

    recipes: Recipes
    objects: Path
    includes: tuple[Path, ...]

    def of(self, group: str, files: Sequence[Path], root: Path) -> tuple[TranslationUnit, ...]:
        return tuple(self._unit(path, self.objects / group / path.relative_to(root))
                     for path in files)  # fmt: skip

    def _unit(self, source: Path, place: Path) -> TranslationUnit:
        object_file = place.with_name(f"{place.name}.o")
        argv = self.recipes.argv(
            sources.RECIPES[source.suffix],
            source_file=source,
            object_file=object_file,
            includes=[f"-I{folder}" for folder in self.includes],
        )
        depfile = _depfile(argv) or object_file.with_suffix(".d")
        return TranslationUnit(source, object_file, depfile, argv)


def _hooks(recipes: Recipes) -> tuple[tuple[Step, ...], set[Path]]:
    """The prebuild hooks in order, and every file that one of them names with -o."""
    hooks = [match for key in recipes.properties if (match := _HOOK.fullmatch(key))]
    steps, outputs = [], set()
    for hook in sorted(hooks, key=lambda match: (match["number"].zfill(8), match["number"])):
        argv = recipes.argv(hook["recipe"])
        output, depfile = _after(argv, "-o"), _depfile(argv)
        if output:
            outputs.add(output)
        known = output if depfile else None  # without a depfile nobody knows when it is current
        steps.append(Step(f"prebuild {hook['number']}", argv, output=known, depfile=depfile))
    return tuple(step for step in steps if step.argv), outputs


def _archive(recipes: Recipes, environment: Environment, units: Sequence[TranslationUnit]) -> Step:
    """All core objects in one call: the recipe's {object_file} stands for each of them."""
    objects = tuple(unit.object for unit in units)
    argv = recipes.argv("recipe.ar", object_file=objects)
    return Step("core.a", argv, output=environment.build_dir / "core.a", inputs=objects)


def _link(
    recipes: Recipes, elf: Path, units: Sequence[TranslationUnit], archive: Step | None
) -> Step:
    objects = tuple(unit.object for unit in units)
    argv = recipes.argv("recipe.c.combine", object_files=objects)
    archives = (archive.output,) if archive and archive.output else ()
    return Step("link", argv, output=elf, inputs=(*objects, *archives), depfile=_depfile(argv))


def _depfile(argv: Sequence[str]) -> Path | None:
    """Where a compiler (-MF) or a linker (--dependency-file) says what it read."""
    return _after(argv, "-MF") or _after(argv, "--dependency-file")


def _after(argv: Sequence[str], option: str) -> Path | None:
    """The path that follows an option in a command."""
    return next((Path(value) for word, value in pairwise(argv) if word == option), None)
