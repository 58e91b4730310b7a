"""A C++ tree of any size as an Arduino project for the host's compiler, and as other tools take it.

The commands are the same for all: those of our plan, each tool's objects in a folder of its own with
the same folders in it. What differs is who decides what to run. (Names count: where objects lay all in
one folder under short names, the same link of 2,000 of them took an eighth less.)
"""

from __future__ import annotations

import random
import re
import shlex
from pathlib import Path

from fbuild_watch.model import BuildPlan, TranslationUnit

HEADERS = 200
_INCLUDED = 10
_PER_FOLDER = 100

_INI = "[env:bench]\nboard = bench:host:pc\n"
_BOARDS = "pc.name=Host\npc.build.core=arduino\npc.build.mcu=host\n"
_PLATFORM = """
name=Bench
version=1.0.0
recipe.c.o.pattern="gcc" -O0 -c -MMD {includes} "{source_file}" -o "{object_file}"
recipe.cpp.o.pattern="g++" -O0 -c -MMD {includes} "{source_file}" -o "{object_file}"
recipe.S.o.pattern="gcc" -c {includes} "{source_file}" -o "{object_file}"
recipe.ar.pattern="ar" rcs "{archive_file_path}" "{object_file}"
recipe.c.combine.pattern="g++" -o "{build.path}/{build.project_name}.elf" {object_files}
"""


def make_project(folder: Path, units: int) -> None:
    """Write the tree: `units` sources, each with ten of 200 headers, which include each other."""
    rng = random.Random(1)
    include = folder / "include"
    platform = folder / "hardware" / "bench" / "host"
    for path in (include, folder / "src", platform / "cores" / "arduino"):
        path.mkdir(parents=True)
    (folder / "platformio.ini").write_text(_INI)
    (platform / "boards.txt").write_text(_BOARDS)
    (platform / "platform.txt").write_text(_PLATFORM)
    for number in range(HEADERS):
        known = sorted({rng.randrange(number) for _ in range(3)}) if number else []
        (include / f"h{number}.h").write_text(_header(number, known))
    for number in range(units):
        path = source(folder, number)
        path.parent.mkdir(exist_ok=True)
        path.write_text(_unit(number, rng.sample(range(HEADERS), _INCLUDED), 0))


def source(folder: Path, number: int) -> Path:
    """The file of a unit."""
    return folder / "src" / f"part{number // _PER_FOLDER}" / f"unit{number}.cpp"


def edit(path: Path, value: int) -> None:
    """Save a unit so that its object becomes another one."""
    path.write_text(re.sub(r"return x \+ \d+;", f"return x + {value};", path.read_text()))


def _header(number: int, known: list[int]) -> str:
    includes = "".join(f'#include "h{other}.h"\n' for other in known)
    body = f"struct S{number} {{ int a[{number + 1}]; }};\n"
    return f"#pragma once\n{includes}{body}inline int v{number}(int x) {{ return x + {number}; }}\n"


def _unit(number: int, headers: list[int], value: int) -> str:
    includes = "".join(f'#include "h{header}.h"\n' for header in headers)
    main = "int main() { return f0(1); }\n" if number == 0 else ""
    return f"{includes}int f{number}(int x) {{ return x + {value}; }}\n{main}"


# --- the same for others -------------------------------------------------------------------


def write_ninja(plan: BuildPlan, folder: Path) -> list[str]:
    """A build.ninja in `folder`; the command that builds it."""
    objects = _objects(plan, folder)
    lines = [
        "rule cc", "  command = $cmd", "  depfile = $out.d", "  deps = gcc",
        "rule link", f"  command = g++ -o $out @{folder}/rsp", f"  rspfile = {folder}/rsp",
        "  rspfile_content = $in",
    ]  # fmt: skip
    for unit, place in zip(plan.units, objects, strict=True):
        lines += [f"build {place}: cc {unit.source}", f"  cmd = {_command(unit, place)}"]
    lines += [f"build {folder}/all.elf: link {' '.join(objects)}", ""]
    (folder / "build.ninja").write_text("\n".join(lines))
    return ["ninja", "-C", str(folder), "--quiet"]


def write_make(plan: BuildPlan, folder: Path) -> list[str]:
    """A Makefile in `folder`; the command that builds it."""
    objects = _objects(plan, folder)
    lines = [
        f"OBJECTS := {' '.join(objects)}",
        f"{folder}/all.elf: $(OBJECTS)",
        f"\t$(file >{folder}/rsp,$^)",
        f"\tg++ -o $@ @{folder}/rsp",
    ]
    for unit, place in zip(plan.units, objects, strict=True):
        lines += [f"{place}: {unit.source}", f"\t{_command(unit, place)}"]
    lines += ["-include $(OBJECTS:=.d)", ""]
    (folder / "Makefile").write_text("\n".join(lines))
    return ["make", "-rR", "-s", "-j2", "-C", str(folder)]


def write_scons(plan: BuildPlan, folder: Path) -> list[str]:
    """An SConstruct in `folder`; the command that builds it."""
    include = plan.environment.project_dir / "include"
    sources = (str(unit.source) for unit in plan.units)
    pairs = list(zip(_objects(plan, folder), sources, strict=True))
    text = (
        f"env = Environment(CXXFLAGS=['-O0'], CPPPATH=[{str(include)!r}], MAXLINELENGTH=1000)\n"
        "env['LINKCOM'] = \"${TEMPFILE('$LINK -o $TARGET $SOURCES')}\"\n"
        f"objects = [env.Object(target, source) for target, source in {pairs!r}]\n"
        f"env.Program({str(folder / 'all.elf')!r}, objects)\n"
    )
    (folder / "SConstruct").write_text(text)
    return ["scons", "-C", str(folder), "-s", "-j2"]


def _objects(plan: BuildPlan, folder: Path) -> list[str]:
    """Where another tool's objects go: in `folder` as ours in the project."""
    project = plan.environment.project_dir
    objects = [folder / unit.object.relative_to(project) for unit in plan.units]
    for place in {path.parent for path in objects}:
        place.mkdir(parents=True, exist_ok=True)
    return [str(path) for path in objects]


def _command(unit: TranslationUnit, place: str) -> str:
    """Our command for a unit, with its outputs at another place."""
    words = [place if word == str(unit.object) else word for word in unit.argv]
    return shlex.join([*words, "-MF", f"{place}.d"])
