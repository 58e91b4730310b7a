"""The steps of a build that compile nothing: hooks, archives, link, objcopy.

The order is Arduino's, but for this: units of sketch and libraries are compiled together, and those
of the core too where no hook stands between, so that one list of units keeps all processors busy:

    prebuild, sketch.prebuild, libraries.prebuild
    -> units -> sketch.postbuild, libraries.postbuild, core.prebuild -> units of the core
    -> archives, core.postbuild, linking.prelink
    -> link -> linking.postlink, objcopy.preobjcopy, objcopy, objcopy.postobjcopy, postbuild

Rules
- Hooks of a place run by their number; a hook without one is the first.
- A hook whose command names what it makes (-o) and has a depfile runs when it must; any other
  one runs with every build that does anything, for nobody knows what it reads.
- `recipe.objcopy.FORMAT.pattern` makes PROJECT.FORMAT, where its command names that. It reads what
  else it names in the build folder; one that names nothing there reads the ELF.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from fbuild_watch.model import Step
from fbuild_watch.project.recipe import Recipes, Value

BEFORE_UNITS = ("prebuild", "sketch.prebuild", "libraries.prebuild")
BEFORE_CORE = ("sketch.postbuild", "libraries.postbuild", "core.prebuild")
BEFORE_LINK = ("core.postbuild", "linking.prelink")
AFTER_LINK = ("linking.postlink", "objcopy.preobjcopy")
AFTER_OBJCOPY = ("objcopy.postobjcopy", "postbuild")

_PLACES = (*BEFORE_UNITS, *BEFORE_CORE, *BEFORE_LINK, *AFTER_LINK, *AFTER_OBJCOPY)
_HOOK = re.compile(
    rf"(?P<recipe>recipe\.hooks\.(?P<place>{'|'.join(map(re.escape, _PLACES))})"
    r"(?:\.(?P<number>[\w.]+))?)\.pattern"
)
_OBJCOPY = re.compile(r"(?P<recipe>recipe\.objcopy\.(?P<format>.+))\.pattern")


@dataclass(frozen=True, slots=True)
class Steps:
    """Makes the steps of one plan."""

    recipes: Recipes
    build_dir: Path
    project_name: str
    link_flags: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()

    def hooks(self, places: Sequence[str]) -> tuple[Step, ...]:
        """The hooks of these places, in order."""
        found: dict[str, list[re.Match[str]]] = {place: [] for place in places}
        for key in self.recipes.properties:
            match = _HOOK.fullmatch(key) if key.startswith("recipe.hooks.") else None
            if match and match["place"] in found:
                found[match["place"]].append(match)
        ordered = [hook for hooks in found.values() for hook in sorted(hooks, key=_by_number)]
        steps = (self._hook(hook) for hook in ordered)
        return tuple(step for step in steps if step.argv)

    def _hook(self, hook: re.Match[str]) -> Step:
        argv = self.recipes.argv(hook["recipe"])
        output, depfile = after(argv, "-o"), depfile_of(argv)
        known = output if depfile else None
        name = f"{hook['place']} {hook['number'] or ''}".rstrip()
        return Step(name, argv, output=known, depfile=depfile)

    def archive(self, path: Path, objects: Sequence[Path]) -> Step:
        """All objects in one call: the recipe's {object_file} stands for each of them."""
        values: dict[str, Value] = {"archive_file": path.name, "archive_file_path": path}
        argv = self.recipes.argv("recipe.ar", object_file=objects, **values)
        return Step(path.name, argv, output=path, inputs=tuple(objects))

    def link(self, elf: Path, objects: Sequence[Path], inputs: Sequence[Path]) -> Step:
        """The link of `objects` (or archives); `inputs`: what else of our making it reads."""
        words: tuple[str | Path, ...] = (*self.link_flags, *objects, *self.libraries)
        argv = self.recipes.argv("recipe.c.combine", object_files=words)
        return Step("link", argv, elf, (*dict.fromkeys((*objects, *inputs)),), depfile_of(argv))

    def objcopy(self, elf: Path) -> tuple[Step, ...]:
        """The recipes that make other formats of the ELF, by name."""
        keys = sorted(key for key in self.recipes.properties if key.startswith("recipe.objcopy."))
        found = (_OBJCOPY.fullmatch(key) for key in keys)
        steps = (self._objcopy(match, elf) for match in found if match)
        return tuple(step for step in steps if step.argv)

    def _objcopy(self, match: re.Match[str], elf: Path) -> Step:
        argv = self.recipes.argv(match["recipe"])
        named = self.build_dir / f"{self.project_name}.{match['format']}"
        output = named if str(named) in argv else after(argv, "-o")
        inside = f"{self.build_dir}{os.sep}"
        mentioned = [Path(word) for word in argv[1:] if word.startswith(inside)]
        inputs = tuple(path for path in mentioned if path != output)
        return Step(f"objcopy {match['format']}", argv, output=output, inputs=inputs or (elf,))


def _by_number(hook: re.Match[str]) -> tuple[str, str]:
    number = hook["number"] or ""
    return number.zfill(8), number


def depfile_of(argv: Sequence[str]) -> Path | None:
    """Where a compiler (-MF) or a linker (--dependency-file) says what it read."""
    return after(argv, "-MF") or after(argv, "--dependency-file")


def after(argv: Sequence[str], option: str) -> Path | None:
    """The path that follows an option in a command."""
    return next((Path(value) for word, value in pairwise(argv) if word == option), None)
