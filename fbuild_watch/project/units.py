"""Sources to translation units, by the recipe of each suffix.

Rules
- An object is named after its source's place, suffix included: equal names never collide.
- Units of one kind share their command but for the names in it; it is expanded once for each kind.
- A recipe that asks its gcc or clang for no depfile (assembly, often) is made to ask: else nobody
  would know which headers were read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from fbuild_watch.model import TranslationUnit
from fbuild_watch.project import sources
from fbuild_watch.project import userflags as user_flags
from fbuild_watch.project.recipe import Recipes, Template
from fbuild_watch.project.steps import after
from fbuild_watch.project.userflags import Flags

_ABOVE = "(above)"
_DRIVERS = ("gcc", "g++", "clang", "clang++", "cc", "c++")
"""The last part of the names of compilers that make depfiles."""
_ASKS = ("-MD", "-MMD", "-M", "-MM")


@dataclass(frozen=True, slots=True)
class Group:
    """Sources that are compiled alike: those of the core, of a library, of the project."""

    name: str
    """The folder of their objects, below the build folder."""
    root: Path
    files: Sequence[Path]
    includes: tuple[Path, ...]
    flags: Flags = field(default_factory=Flags)
    first: tuple[str, ...] = ()
    """Words before the include path."""
    own: bool = False
    """Whether the user could edit them: then their warnings are shown."""
    unwanted: tuple[str, ...] = ()
    """To be removed from their commands, beside what the project wants removed everywhere."""


class Memory:
    """The units of earlier plans: one that stays the same is the same object."""

    def __init__(self) -> None:
        self.units: dict[str, tuple[Template, TranslationUnit]] = {}
        """By the name of the object."""
        self.templates: dict[tuple[str, ...], Template] = {}


@dataclass(frozen=True, slots=True)
class Units:
    """Makes the translation units of one plan."""

    recipes: Recipes
    build_dir: Path
    flags: Flags = field(default_factory=Flags)
    """The user's, for all groups; the folders among them the recipes have already."""
    unwanted: tuple[str, ...] = ()
    memory: Memory = field(default_factory=Memory)

    def quiet(self) -> Units:
        """For what is not the user's: with the platform's way to silence warnings, if it has one."""
        properties = self.recipes.properties
        silent = properties.get("compiler.warning_flags.none")
        if silent is None:
            return self
        recipes = replace(self.recipes, properties={**properties, "compiler.warning_flags": silent})
        return replace(self, recipes=recipes)

    def of(self, group: Group) -> tuple[TranslationUnit, ...]:
        """The units of a group, in the order of its files. Raises InvalidProject."""
        templates: dict[str, Template] = {}
        folder, root = f"{self.build_dir / group.name}{os.sep}", f"{group.root}{os.sep}"
        units = []
        for source in group.files:
            suffix = source.suffix
            if suffix not in templates:
                templates[suffix] = self._template(group, suffix)
            name = str(source)
            place = name.removeprefix(root) if name.startswith(root) else _outside(name, root)
            units.append(self._unit(source, name, f"{folder}{place}.o", templates[suffix]))
        return tuple(units)

    def _unit(
        self, source: Path, name: str, object_file: str, template: Template
    ) -> TranslationUnit:
        known = self.memory.units.get(object_file)
        if known is not None and known[0] is template and known[1].source == source:
            return known[1]
        unit = _unit(source, name, object_file, template)
        self.memory.units[object_file] = (template, unit)
        return unit

    def template(self, group: Group, suffix: str) -> tuple[str, ...]:
        """The command that compiles a file of a group, without the file."""
        return self._template(group, suffix).words

    def _template(self, group: Group, suffix: str) -> Template:
        folders = [f"-I{folder}" for folder in group.includes]
        own = group.flags.for_suffix(suffix)
        includes = [*group.first, *folders, *user_flags.folders(own)]
        made = self.recipes.template(sources.RECIPES[suffix], includes=includes)
        words = user_flags.laid_over(made.words, self.flags.for_suffix(suffix))
        words = user_flags.laid_over(words, own)
        unwanted = (*self.unwanted, *group.unwanted)
        template = Template(_with_depfile(user_flags.without(words, unwanted)))
        return self.memory.templates.setdefault(template.words, template)


def objects(units: Iterable[TranslationUnit]) -> tuple[Path, ...]:
    """The objects of some units."""
    return tuple(unit.object for unit in units)


def _outside(name: str, root: str) -> str:
    """A place of its own below the objects of `root` for a file that lies outside."""
    return os.path.relpath(name, root).replace(os.pardir + os.sep, _ABOVE + os.sep)


def _with_depfile(words: tuple[str, ...]) -> tuple[str, ...]:
    driver = Path(words[0]).stem.rpartition("-")[2] if words else ""
    asks = any(word in _ASKS or word.startswith("-Wp,-M") for word in words)
    return words if asks or driver not in _DRIVERS else (*words, "-MMD")


def _unit(source: Path, name: str, object_file: str, template: Template) -> TranslationUnit:
    argv = template.argv(name, object_file)
    place = Path(object_file)
    return TranslationUnit(source, place, after(argv, "-MF") or place.with_suffix(".d"), argv)
