"""A small hand-made plan for the host's C compiler, and compilers that misbehave on purpose."""

from __future__ import annotations

import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import trio

from fbuild_watch.model import BuildPlan, Environment, FlashSettings, Step, TranslationUnit


class HostProject:
    """C files in a folder; `lib_*.c` go through an archive, the others are linked directly."""

    def __init__(
        self, root: Path, *, compiler: str = "cc", flags: Sequence[str] = ("-O0",)
    ) -> None:
        self.root = root
        self.compiler = compiler
        self.flags = tuple(flags)
        self.link_flags: tuple[str, ...] = ()
        self.src = root / "src"
        self.build_dir = root / ".fbuild" / "build" / "host"
        self.src.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, text: str) -> Path:
        path = self.src / name
        path.write_text(text)
        return path

    def plan(self) -> BuildPlan:
        units = tuple(self._unit(source) for source in sorted(self.src.glob("*.c")))
        library = tuple(unit.object for unit in units if unit.source.name.startswith("lib_"))
        archive = self.build_dir / "lib.a"
        elf = self.build_dir / "firmware.elf"
        objects = tuple(unit.object for unit in units if unit.object not in library)
        inputs = (*objects, archive) if library else objects
        link = ("cc", *self.link_flags, "-o", str(elf), *map(str, inputs))
        return BuildPlan(
            environment=Environment("host", self.root, self.src, self.build_dir, "t:h:host"),
            chip="esp32c3",
            prebuild=(),
            units=units,
            archives=(
                (Step("lib.a", ("ar", "rcsD", str(archive), *map(str, library)), archive, library),)
                if library
                else ()
            ),
            link=Step("link", link, elf, inputs),
            elf=elf,
            flash=FlashSettings(),
        )

    def _unit(self, source: Path) -> TranslationUnit:
        place = self.build_dir / "obj" / f"{source.name}.o"
        depfile = place.with_suffix(".d")
        argv = (
            self.compiler, *self.flags, "-c", "-MMD", "-MF", str(depfile), str(source), "-o",
            str(place),
        )  # fmt: skip
        return TranslationUnit(source, place, depfile, argv)


def script(path: Path, body: str) -> str:
    """An executable shell script; its name, for a command line."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def two_units(project: HostProject) -> None:
    """main.c and util.c, which share a.h; b.h is main's own; lib_x.c stands alone."""
    project.write("a.h", "#define A 1\nint util(void);\n")
    project.write("b.h", "#define B 2\n")
    project.write("main.c", '#include "a.h"\n#include "b.h"\nint x(void);\n'
                  "int main(void) { return A + B + util() + x(); }\n")  # fmt: skip
    project.write("util.c", '#include "a.h"\nint util(void) { return A; }\n')
    project.write("lib_x.c", "int x(void) { return 7; }\n")


async def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what another process does; fail after ten seconds."""
    with trio.fail_after(10):
        while not condition():
            await trio.sleep(0.01)
