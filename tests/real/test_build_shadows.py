"""Files that no depfile names, and that change what a unit reads: beside it, or on its way."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from fbuild_watch.build import Builder
from fbuild_watch.build.cache import ObjectCache
from fbuild_watch.build.events import BuildEvent, Built, UnitDone
from tests.real.build_kit import HostProject

MAIN = """
#include <lib/shared.h>
#if __has_include("local_config.h")
#include "local_config.h"
#else
#define LOCAL 1
#endif
int main(void) { return LOCAL + SHARED; }
"""


@pytest.fixture
def project(tmp_path: Path) -> HostProject:
    """main.c, which would take a local_config.h; shared.h is in the folder beside the project."""
    project = HostProject(tmp_path / "project")
    project.flags = ("-O0", "-Ifirst", "-I../common")
    (project.root / "first" / "lib").mkdir(parents=True)
    (tmp_path / "common" / "lib").mkdir(parents=True)
    (tmp_path / "common" / "lib" / "shared.h").write_text("#define SHARED 1\n")
    project.write("main.c", MAIN)
    return project


async def build(project: HostProject, cache: ObjectCache | None = None) -> Built:
    """A build by a process that has just started, and its cache filled."""
    builder = Builder(project.plan(), cache=cache)
    built = await builder.build()
    builder.settle()
    return built


@pytest.mark.parametrize("from_cache", [False, True])
async def test_a_file_that_has_include_asks_for_comes_and_goes(
    project: HostProject, tmp_path: Path, from_cache: bool
) -> None:
    cache = ObjectCache(tmp_path / "cache", 1 << 30) if from_cache else None
    without = (await build(project, cache)).elf.read_bytes()
    config = project.write("local_config.h", "#define LOCAL 2\n")
    if from_cache:
        shutil.rmtree(project.build_dir)
    within = (await build(project, cache)).elf.read_bytes()
    assert within != without
    assert not (await build(project, cache)).compiled
    config.unlink()
    assert (await build(project, cache)).elf.read_bytes() == without


async def test_a_name_that_is_asked_for_and_not_read_is_seen_to_go(project: HostProject) -> None:
    project.write(
        "main.c", '#if __has_include("mark")\nint x;\n#endif\nint main(void) { return 0; }\n'
    )
    mark = project.write("mark", "")
    await build(project)
    mark.unlink()
    assert (await build(project)).compiled
    assert not (await build(project)).compiled


async def test_a_header_before_one_outside_of_the_project_is_seen(project: HostProject) -> None:
    before = (await build(project)).elf.read_bytes()
    (project.root / "first" / "lib" / "shared.h").write_text("#define SHARED 5\n")
    assert (await build(project)).elf.read_bytes() != before


@pytest.mark.parametrize("hinted", [False, True])
async def test_a_variable_that_compilers_read_is_an_input(
    project: HostProject, monkeypatch: pytest.MonkeyPatch, hinted: bool
) -> None:
    for name in ("one", "two"):
        (project.root / name).mkdir()
        (project.root / name / "which.h").write_text(f"int {name};\n")
    project.write("main.c", "#include <which.h>\nint main(void) { return 0; }\n")
    monkeypatch.setenv("CPATH", str(project.root / "one"))
    builder = Builder(project.plan())
    before = (await builder.build()).elf.read_bytes()
    builder.settle([project.root])
    monkeypatch.setenv("CPATH", str(project.root / "two"))
    assert (await builder.build(changed=() if hinted else None)).elf.read_bytes() != before
    assert not (await builder.build()).compiled


async def test_a_library_that_the_link_searches_for_is_its_input(project: HostProject) -> None:
    folder = project.root / "given"
    folder.mkdir()
    project.link_flags = ("-L", "given")
    project.write("main.c", "int pre(void);\nint main(void) { return pre(); }\n")

    def library(value: int) -> None:
        (folder / "pre.c").write_text(f"int pre(void) {{ return {value}; }}\n")
        subprocess.run(["cc", "-c", "pre.c"], cwd=folder, check=True)
        subprocess.run(["ar", "rcsD", "libPre.a", "pre.o"], cwd=folder, check=True)

    plan = project.plan()
    plan = replace(plan, link=replace(plan.link, argv=(*plan.link.argv, "-lPre")))
    library(1)
    before = (await Builder(plan).build()).elf.read_bytes()
    library(2)
    assert (await Builder(plan).build()).elf.read_bytes() != before
    assert not (await Builder(plan).build()).linked


async def test_a_file_that_the_assembler_copies_is_an_input_and_not_cached(
    project: HostProject, tmp_path: Path
) -> None:
    cache = ObjectCache(tmp_path / "cache", 1 << 30)
    blob = project.root / "first" / "blob.txt"
    blob.write_text("one")
    text = (
        'asm(".section .rodata\\n.incbin \\"blob.txt\\"\\n.text");\nint main(void) { return 0; }\n'
    )
    project.write("main.c", text)
    before = (await build(project, cache)).elf.read_bytes()
    assert not (await build(project, cache)).compiled
    blob.write_text("two")
    assert (await build(project, cache)).elf.read_bytes() != before
    assert cache.size() == 0


@pytest.mark.skipif(not shutil.which("riscv64-unknown-elf-gcc"), reason="needs a RISC-V gcc")
async def test_a_copy_in_another_folder_reuses_objects_and_is_what_a_clean_build_is(
    tmp_path: Path,
) -> None:
    cache, nothing = (ObjectCache(tmp_path / name, 1 << 30) for name in ("cache", "nothing"))

    async def made(name: str, cache: ObjectCache) -> tuple[bytes, int]:
        compiler, root = "riscv64-unknown-elf-gcc", tmp_path / name
        flags = ("-O1", "-g", f"-I{root}/src", f"-fmacro-prefix-map={root}=/here")
        project = HostProject(root, compiler=compiler, flags=flags)
        project.write("a.h", "#include <stddef.h>\nextern const char *name;\n")
        text = '#include "a.h"\nconst char *name = __FILE__;\nvoid _start(void) {}\n'
        project.write("main.c", text)
        plan = project.plan()
        link = replace(plan.link, argv=(compiler, "-nostdlib", *plan.link.argv[1:]))
        builder = Builder(replace(plan, link=link), cache=cache)
        events: list[BuildEvent] = []
        elf = (await builder.build(on_event=events.append)).elf.read_bytes()
        builder.settle()
        return elf, sum(isinstance(event, UnitDone) and event.reused for event in events)

    await made("one", cache)
    copy, reused = await made("two", cache)
    shutil.rmtree(tmp_path / "two")
    assert reused > 0
    assert (copy, 0) == await made("two", nothing)
