"""An environment to a BuildPlan: every command that makes its ELF, by the core's own recipes.

Not here: running anything (build/), and the flash image (image/).

Rules
- No chip has code here; what differs between cores stands in their platform.txt and boards.txt.
- Core sources go into core.a; variant, libraries and project objects are linked directly, the
  project's last, so that an edit moves only the project's own code. A library that asks for an
  archive (dot_a_linkage, libArchive) gets one, behind the objects, where a linker looks for it.
- On the include path: core and variant for themselves; a library's own folders, these and the other
  libraries for libraries; the project's own folders too for the project. So a new library does not
  rebuild the core, and a header that two libraries have is for each its own.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path

from fbuild_watch.errors import InvalidProject
from fbuild_watch.model import (
    BuildPlan,
    Environment,
    Installed,
    SizeRecipe,
    Step,
    TranslationUnit,
)
from fbuild_watch.project import (
    arduino,
    esp,
    includes,
    needs,
    runtime,
    sources,
    steps,
    toolchain,
    upload,
)
from fbuild_watch.project import userflags as user_flags
from fbuild_watch.project.includes import Include
from fbuild_watch.project.memory import is_dir, is_file
from fbuild_watch.project.needs import Need, Sketch
from fbuild_watch.project.recipe import Recipes
from fbuild_watch.project.units import Group, Memory, Units, objects

_NOTHING = Installed()


def plan(environment: Environment, installed: Installed = _NOTHING) -> BuildPlan:
    """Plan a build. Reads folders and the core's files; runs nothing.

    Raises InvalidProject, UnknownBoard, CompilerMissing.
    """
    return Planner().plan(environment, installed)


class Planner:
    """Plans again and again. What stays the same in the next plan is the same object there."""

    def __init__(self) -> None:
        self._memory = Memory()
        self._last: _Last | None = None

    @property
    def last(self) -> BuildPlan | None:
        """The newest plan; None before the first, and after one that could not be made."""
        return self._last.plan if self._last else None

    def plan(
        self,
        environment: Environment,
        installed: Installed = _NOTHING,
        changed: Collection[Path] | None = None,
    ) -> BuildPlan:
        """Plan a build, as `plan` does.

        `changed`: the only files that changed since the last plan, by who watches them; None:
        nobody knows. Where none of them has a say in a plan, the last plan is returned itself.
        """
        last = self._last
        if last and changed is not None and last.stands(environment, installed, changed):
            return last.plan
        self._last = None
        board = runtime.board(environment, installed)
        chosen = toolchain.choose(board, runtime.properties(environment, board, installed))
        flags = user_flags.sort(environment.build_flags)
        properties = runtime.with_flags(chosen.properties, flags)
        maker = _Maker(environment, installed, board, chosen, flags, properties, self._memory)
        made, need = maker.plan()
        self._last = _Last(environment, installed, made, need.followed)
        return made


@dataclass(frozen=True)
class _Last:
    """A plan, and what it came from."""

    environment: Environment
    installed: Installed
    plan: BuildPlan
    followed: Mapping[str, Sequence[Include]]

    def stands(
        self, environment: Environment, installed: Installed, changed: Collection[Path]
    ) -> bool:
        """Whether the plan is still right after a change of these files' content."""
        same = (environment, installed) == (self.environment, self.installed)
        return same and all(self._is_mute(path) for path in changed)

    def _is_mute(self, path: Path) -> bool:
        """Whether a file, as it is now, asks for nothing that it did not ask for before."""
        name = str(path)
        if name not in self.followed:
            return path in self._sources and is_file(path)
        try:
            return includes.of_file(name) == self.followed[name]
        except OSError:
            return False

    @cached_property
    def _sources(self) -> frozenset[Path]:
        return frozenset(unit.source for unit in self.plan.units)


def is_outdated(plan: BuildPlan) -> bool:
    """Whether the plan's hooks have written other sources than those that it compiles."""
    folder = plan.environment.build_dir / needs.SKETCH_FOLDER
    last = takewhile(lambda unit: unit.source.parent == folder, reversed(plan.units))
    known = {unit.source for unit in last} - {file.path for file in plan.generated}
    return known != set(needs.made(plan.environment))


def board_name(environment: Environment, installed: Installed = _NOTHING) -> str:
    """The full name of an environment's board, `vendor:arch:board[:...]`, found or not.

    A short name that nothing here knows comes back as it is. Raises UnknownBoard where a short
    name means several boards.
    """
    return runtime.board_name(environment, installed)


@dataclass(frozen=True, slots=True)
class _Maker:
    """One plan in the making."""

    environment: Environment
    installed: Installed
    board: arduino.Board
    chosen: toolchain.Chosen
    flags: user_flags.Flags
    properties: dict[str, str]
    memory: Memory

    def plan(self) -> tuple[BuildPlan, Need]:
        environment = self.environment
        recipes = Recipes(self.properties, str(self.board.files[0]))
        core, variant = self._base(recipes)
        sketch = needs.sketch(environment)
        units = Units(
            recipes, environment.build_dir, self.flags, environment.build_unflags, self.memory
        )
        quiet = units.quiet()
        need = self._need(units, core, variant, sketch)
        libraries = [(units if group.own else quiet).of(group)
                     for group in need.groups(variant.includes)]  # fmt: skip
        project = self._project(units, variant.includes, need, sketch)
        linking = Recipes(
            {**self.properties, **need.link_properties(self.properties)}, recipes.path
        )
        flags = self.flags
        make = steps.Steps(
            linking, environment.build_dir, runtime.PROJECT_NAME, flags.link, flags.libraries
        )
        built = _Built(quiet.of(core), quiet.of(variant), libraries, project, need)
        return self._assemble(recipes, make, built, need, sketch), need

    def _base(self, recipes: Recipes) -> tuple[Group, Group]:
        """Core and variant, each with its sources."""
        core, variant = (
            Path(recipes.get("build.core.path")),
            Path(recipes.get("build.variant.path")),
        )
        if not is_dir(core):
            raise InvalidProject(
                f"the core's folder {core} is missing", path=str(self.board.files[1])
            )
        includes = tuple(folder for folder in (core, variant) if is_dir(folder))
        return (
            Group("obj/core", core, sources.discover(core), includes),
            Group("obj/variant", variant, sources.discover(variant), includes),
        )

    def _need(self, units: Units, core: Group, variant: Group, sketch: Sketch) -> Need:
        command = units.template(core, ".cpp")
        platforms = (self.board.platform_dir, Path(core.root).parent.parent)
        return needs.find(self.environment, self.installed, sketch, command, core.includes,
                          tuple(dict.fromkeys(platforms)), self.board.name.arch,
                          Recipes(self.properties, "").get("build.mcu"))  # fmt: skip

    def _project(
        self, units: Units, base: tuple[Path, ...], need: Need, sketch: Sketch
    ) -> tuple[TranslationUnit, ...]:
        environment = self.environment
        flags = user_flags.sort(environment.build_src_flags)
        includes = (*base, *sketch.includes, *need.includes)
        own = Group("obj/src", environment.src_dir, sketch.files, includes, flags)
        folder = environment.build_dir / needs.SKETCH_FOLDER
        written = [*(file.path for file in sketch.generated), *sketch.made]
        tabs = Group(
            "obj/sketch", folder, written, includes, flags, ("-iquote", str(environment.src_dir))
        )
        return (*units.of(own), *units.of(tabs))

    def _assemble(
        self, recipes: Recipes, make: steps.Steps, built: _Built, need: Need, sketch: Sketch
    ) -> BuildPlan:
        environment, board = self.environment, self.board
        elf = environment.build_dir / f"{runtime.PROJECT_NAME}.elf"
        prebuild, core_hooks = make.hooks(steps.BEFORE_UNITS), make.hooks(steps.BEFORE_CORE)
        archives, link = built.link(make, elf)
        objcopy = make.objcopy(elf)
        finish = (*make.hooks(steps.AFTER_LINK), *objcopy, *make.hooks(steps.AFTER_OBJCOPY))
        parts, prebuild, finish = esp.parts(
            recipes, environment, board.platform_dir, prebuild, finish
        )
        table = parts.partitions_csv
        read_from = (*_ini(environment), *board.files)
        named = (*read_from, *([table] if table else []))
        return BuildPlan(
            environment=environment,
            chip=parts.chip,
            prebuild=prebuild,
            units=built.units,
            archives=archives,
            link=link,
            elf=elf,
            flash=parts.flash,
            core_hooks=core_hooks,
            core_units=len(built.core) + len(built.variant),
            bootloader_elf=parts.bootloader_elf,
            bootloader_offset=parts.bootloader_offset,
            partitions_csv=table,
            flash_files=parts.files,
            app_from_elf=parts.app_from_elf,
            watch_roots=self._roots(recipes, need, sketch),
            watch_beside=_beside(
                environment, named, (*prebuild, *core_hooks, *archives, link, *finish)
            ),
            finish=finish,
            generated=sketch.generated,
            artifacts=tuple(step.output for step in objcopy if step.output),
            upload=upload.recipe(recipes, environment),
            size=_size(recipes),
            toolchain=self.chosen.label,
            core=runtime.core_words(board),
            libraries=tuple(library.words for library in need.libraries),
            warnings=(*runtime.warnings(environment, board), *parts.warnings, *need.warnings),
            read_from=read_from,
        )

    def _roots(self, recipes: Recipes, need: Need, sketch: Sketch) -> tuple[Path, ...]:
        """Folders that are there, and the data folder even before its first file."""
        base = (Path(recipes.get("build.core.path")), Path(recipes.get("build.variant.path")))
        folders = (*base, *sketch.includes, *sketch.beyond, *need.roots)
        there = (folder for folder in dict.fromkeys(folders) if is_dir(folder))
        data = (self.environment.data_dir,) if self.environment.data_dir else ()
        return (*there, *data)


@dataclass(frozen=True, slots=True)
class _Built:
    """The units of a plan, by what becomes of their objects."""

    core: tuple[TranslationUnit, ...]
    variant: tuple[TranslationUnit, ...]
    libraries: Sequence[tuple[TranslationUnit, ...]]
    project: tuple[TranslationUnit, ...]
    need: Need

    @property
    def units(self) -> tuple[TranslationUnit, ...]:
        libraries = (unit for units in self.libraries for unit in units)
        return (*self.core, *self.variant, *libraries, *self.project)

    def link(self, make: steps.Steps, elf: Path) -> tuple[tuple[Step, ...], Step]:
        """What comes between the units and the ELF, and the link."""
        direct, archives = list(objects(self.variant)), []
        for name, units in zip(self.need.archive_names, self.libraries, strict=True):
            if name and units:
                archives.append(make.archive(make.build_dir / "lib" / name, objects(units)))
            else:
                direct += objects(units)
        direct += objects(self.project)
        core = [make.archive(make.build_dir / runtime.ARCHIVE, objects(self.core))]
        core = core if self.core else []
        outputs = [step.output for step in archives if step.output]
        repeated = outputs if len(outputs) > 1 else []  # archives that need each other
        link = make.link(elf, [*direct, *outputs, *repeated], [s.output for s in core if s.output])
        return (*archives, *core, *make.hooks(steps.BEFORE_LINK)), link


def _size(recipes: Recipes) -> SizeRecipe:
    def maximum(name: str) -> int | None:
        return recipes.number(name) or None

    return SizeRecipe(
        program=recipes.properties.get("recipe.size.regex", ""),
        data=recipes.properties.get("recipe.size.regex.data", ""),
        maximum_program=maximum("upload.maximum_size"),
        maximum_data=maximum("upload.maximum_data_size"),
    )


def _beside(
    environment: Environment, named: Sequence[Path], steps: Sequence[Step]
) -> tuple[Path, ...]:
    """The folders of these files, of those that the steps' commands name, and the user's -I."""
    build, own = environment.build_dir, f"{environment.build_dir}{os.sep}"
    words = (word for step in steps for word in step.argv[1:])
    given = (word for word in words if word.startswith(os.sep) and not word.startswith(own))
    files = (*named, *map(Path, given))
    flags = (*environment.build_flags, *environment.build_src_flags)
    folders = [environment.project_dir / name for name in user_flags.includes(flags)]
    folders += [folder for folder in environment.read_in if is_dir(folder)]
    folders += [file.parent for file in dict.fromkeys(files) if is_file(file)]
    normal = (Path(os.path.normpath(folder)) for folder in folders)
    return tuple(folder for folder in dict.fromkeys(normal) if not folder.is_relative_to(build))


def _ini(environment: Environment) -> tuple[Path, ...]:
    return environment.read_from or (esp.own_ini(environment),)
