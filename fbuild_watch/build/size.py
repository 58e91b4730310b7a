"""How large a build is: by what the board holds, by section, by file; and against the one before.

By file needs the linker's map. A recipe that asks for none is linked once more for it, aside and
only when somebody wants to know: a map of 2,000 objects costs the linker a twentieth of its time.

What was reported is kept in the build folder (`.size`), for the difference next time.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import msgspec

from fbuild_watch.build import linkmap
from fbuild_watch.build.elf import Section, sections
from fbuild_watch.errors import ImageTooBig
from fbuild_watch.model import BuildPlan, SizeRecipe
from fbuild_watch.system.files import write_atomically

_KEPT = ".size"


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes of the board's program memory and of its RAM."""

    program: int
    data: int


class Sizes(msgspec.Struct, frozen=True):
    """What one build takes, in bytes."""

    program: int = 0
    data: int = 0
    sections: dict[str, int] = msgspec.field(default_factory=dict)
    files: dict[str, int] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SizeReport:
    """The sizes of a build, and of the one that was reported before it."""

    now: Sizes
    before: Sizes | None
    recipe: SizeRecipe = field(default_factory=SizeRecipe)


def usage(found: Iterable[Section], recipe: SizeRecipe) -> Usage:
    """Count as the core's recipe does; without one, what is written and what is in RAM."""
    allocated = [section for section in found if section.allocated]
    if not recipe.program:
        return Usage(
            program=sum(section.size for section in allocated if section.has_bits),
            data=sum(section.size for section in allocated if section.writable),
        )
    return Usage(_matching(allocated, recipe.program), _matching(allocated, recipe.data))


def _matching(found: Iterable[Section], pattern: str) -> int:
    """What `size -A` and the recipe's pattern come to."""
    if not pattern:
        return 0
    lines = (f"{section.name} {section.size} {section.address}" for section in found)
    matches = (re.match(pattern, line) for line in lines)
    return sum(int(match[1]) for match in matches if match)


def of_plan(plan: BuildPlan) -> Usage:
    """What the plan's ELF takes. Raises OSError, and ValueError for what is no ELF."""
    return usage(sections(plan.elf.read_bytes()), plan.size)


def program_size(elf: Path, recipe: SizeRecipe) -> int | None:
    """Bytes of program memory that an ELF takes; None where there is none that can be read."""
    try:
        return usage(sections(elf.read_bytes()), recipe).program
    except (OSError, ValueError):
        return None


def check_fits(plan: BuildPlan) -> None:
    """Raise ImageTooBig when the plan's ELF is more than its board holds."""
    try:
        used = of_plan(plan)
    except (OSError, ValueError):
        return  # no ELF that can be read: what it is for will say so
    limits = (
        ("the program", used.program, plan.size.maximum_program, "the board's flash"),
        ("what is in RAM", used.data, plan.size.maximum_data, "the board's RAM"),
    )
    for what, size, limit, place in limits:
        if limit is not None and size > limit:
            raise ImageTooBig(what, size, limit, place)


def named_map(plan: BuildPlan) -> Path | None:
    """The map that the recipe's own link writes; None: it writes none."""
    words = [piece for word in plan.link.argv for piece in word.split(",")]
    for word, following in pairwise((*words, "")):
        if word in ("-Map", "--Map"):
            return plan.environment.project_dir / following
        if word.startswith(("-Map=", "--Map=")):
            return plan.environment.project_dir / word.partition("=")[2]
    return None


def measure(plan: BuildPlan, map_text: str) -> Sizes:
    """The sizes of the plan's ELF. Raises OSError, and ValueError for what is no ELF."""
    found = sections(plan.elf.read_bytes())
    used = usage(found, plan.size)
    allocated = {section.name: section.size for section in found if section.allocated}
    files = linkmap.sizes(map_text, allocated.keys())
    return Sizes(used.program, used.data, allocated, _short(files, plan))


def _short(files: Mapping[str, int], plan: BuildPlan) -> dict[str, int]:
    """Objects by the names that a person knows: below the build folder, else the last part."""
    build_dir = plan.environment.build_dir
    totals: dict[str, int] = {}
    for name, size in files.items():
        path = Path(name)
        short = str(path.relative_to(build_dir)) if path.is_relative_to(build_dir) else path.name
        totals[short] = totals.get(short, 0) + size
    return totals


def compared(plan: BuildPlan, now: Sizes) -> SizeReport:
    """The report on a build; it becomes the one before. A folder that refuses costs that only."""
    path = plan.environment.build_dir / _KEPT
    before = last(plan.environment.build_dir)
    if now != before:
        with contextlib.suppress(OSError):
            write_atomically(path, msgspec.json.encode(now))
    return SizeReport(now, before, plan.size)


def last(build_dir: Path) -> Sizes | None:
    """What was last reported for a build folder."""
    try:
        return msgspec.json.decode((build_dir / _KEPT).read_bytes(), type=Sizes)
    except (OSError, msgspec.DecodeError):
        return None
