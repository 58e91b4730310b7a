"""Files that no depfile names, and that change what a unit reads: beside it, or on its way."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fbuild_watch.build import Builder
from fbuild_watch.build.cache import ObjectCache
from fbuild_watch.build.events import BuildEvent, Built, UnitDone
from fbuild_watch.build.listing import Listing, Names
from fbuild_watch.system import stamps
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


async def test_a_link_that_leads_nowhere_is_no_header_until_it_does(project: HostProject) -> None:
    target = project.root / "elsewhere.h"
    (project.root / "first" / "itself").symlink_to("itself")
    (project.root / "first" / "lib" / "shared.h").symlink_to(target)
    await build(project)
    target.write_text("#define SHARED 2\n")
    assert (await build(project)).compiled


def test_a_folder_with_a_link_to_nowhere_is_never_sure(tmp_path: Path) -> None:
    (tmp_path / "x.h").symlink_to("elsewhere.h")
    while not stamps.is_settled(stamps.now(str(tmp_path))):  # within a tick of the clock
        time.sleep(0.01)
    listing = Listing()
    assert not listing.found(Names(["x.h"]), [str(tmp_path)])
    assert listing.looks() is None


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


@pytest.mark.parametrize("by_variable", [False, True])
async def test_a_library_that_the_link_searches_for_is_its_input(
    project: HostProject, monkeypatch: pytest.MonkeyPatch, by_variable: bool
) -> None:
    folder = project.root / "given"
    folder.mkdir()
    if by_variable:
        monkeypatch.setenv("LIBRARY_PATH", f"/nowhere{os.pathsep}{folder}")
    else:
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
    assert not any(path.is_file() for path in (tmp_path / "cache" / "files").rglob("*"))


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


async def test_what_a_macro_has_has_include_ask_for_comes_and_goes(
    project: HostProject, tmp_path: Path
) -> None:
    text = "#if __has_include(CONFIG)\n#define IT 2\n#else\n#define IT 1\n#endif\n"
    project.write("main.c", f"{text}int main(void) {{ return IT; }}\n")
    project.flags = (*project.flags, "-DCONFIG=<lib/late.h>")
    cache = ObjectCache(tmp_path / "cache", 1 << 30)
    without = (await build(project, cache)).elf.read_bytes()
    assert not (await build(project, cache)).compiled
    late = project.root / "first" / "lib" / "late.h"
    late.write_text("")
    within = (await build(project, cache)).elf.read_bytes()
    assert within != without
    late.unlink()
    shutil.rmtree(project.build_dir)
    assert (await build(project, cache)).elf.read_bytes() == without


@pytest.mark.parametrize("folder", ["src", "first"])
async def test_a_header_before_one_of_the_compiler_s_own_is_seen(
    project: HostProject, tmp_path: Path, folder: str
) -> None:
    cache = ObjectCache(tmp_path / "cache", 1 << 30)
    project.write("main.c", '#include "limits.h"\nint main(void) { return INT_MAX != 7; }\n')
    project.write("other.c", "int other;\n")
    before = (await build(project, cache)).elf.read_bytes()
    own = project.root / folder / "limits.h"
    own.write_text("#define INT_MAX 7\n")
    built = await build(project, cache)
    assert [path.name for path in built.compiled] == ["main.c"]
    assert built.elf.read_bytes() != before
    assert not (await build(project, cache)).compiled
    own.unlink()
    assert (await build(project, cache)).elf.read_bytes() == before


INCBIN = """
#define STRING(x) #x
#define INCBIN(name, file) __asm__(".section .rodata\\n" #name ":\\n.incbin" " \\"" file "\\"\\n.text")
"""


async def test_a_file_that_a_macro_has_the_assembler_copy_is_an_input(project: HostProject) -> None:
    (project.root / "first" / "incbin.h").write_text(INCBIN)
    blob = project.root / "first" / "blob.txt"
    blob.write_text("one")
    text = '#include <incbin.h>\nINCBIN(blob, "blob" ".txt");\nint main(void) { return 0; }\n'
    project.write("main.c", text)
    before = (await build(project)).elf.read_bytes()
    assert not (await build(project)).compiled
    blob.write_text("two")
    changed = (await build(project)).elf.read_bytes()
    assert changed != before
    (project.root / "blob.txt").write_text("one")  # the assembler looks here first
    assert (await build(project)).elf.read_bytes() == before
    (project.root / "blob.txt").unlink()
    assert (await build(project)).elf.read_bytes() == changed


async def test_what_the_assembler_includes_is_followed(project: HostProject) -> None:
    (project.root / "first" / "more.inc").write_text('.incbin "blob.txt"\n')
    blob = project.root / "first" / "blob.txt"
    blob.write_text("one")
    text = (
        'asm(".section .rodata\\n.include \\"more.inc\\"\\n.text");\nint main(void) { return 0; }\n'
    )
    project.write("main.c", text)
    before = (await build(project)).elf.read_bytes()
    assert not (await build(project)).compiled
    blob.write_text("two")
    assert (await build(project)).elf.read_bytes() != before


async def test_a_name_that_the_assembler_makes_is_compiled_every_time(project: HostProject) -> None:
    blob = project.root / "blob.txt"
    blob.write_text("one")
    macro = '.macro copy name\\n.incbin \\"\\\\name\\"\\n.endm\\ncopy blob.txt'
    project.write("main.c", f'asm("{macro}");\nint main(void) {{ return 0; }}\n')
    assert (await build(project)).linked
    again = await build(project)
    assert [path.name for path in again.compiled] == ["main.c"]
    assert not again.linked
    blob.write_text("two")
    assert (await build(project)).linked


async def test_with_lto_the_link_copies_what_the_assembler_reads(project: HostProject) -> None:
    blob = project.root / "blob.txt"
    blob.write_text("one")
    text = (
        'asm(".section .rodata\\n.incbin \\"blob.txt\\"\\n.text");\nint main(void) { return 0; }\n'
    )
    project.write("main.c", text)
    project.flags = ("-O1", "-flto")
    project.link_flags = ("-flto", "-O1")
    before = (await build(project)).elf.read_bytes()
    assert not (await build(project)).linked
    blob.write_text("two")
    assert (await build(project)).elf.read_bytes() != before


def script_files(project: HostProject) -> Path:
    """A script that the link is given, which includes another from a folder of -L."""
    folder = project.root / "ld"
    folder.mkdir()
    (folder / "main.ld").write_text(
        "/* INCLUDE no.ld */\nINCLUDE symbols.ld\nINSERT AFTER .text;\n"
    )
    (folder / "symbols.ld").write_text("answer = 1;\n")
    return folder


@pytest.mark.parametrize("in_words", [False, True])
async def test_what_a_linker_script_includes_is_an_input(
    project: HostProject, in_words: bool
) -> None:
    folder = script_files(project)
    project.link_flags = ("-Wl,-T,main.ld", "-Lld")
    if in_words:
        (project.root / "words").write_text('"-Wl,-T,main.ld" -Lld\n')
        project.link_flags = ("@words",)
    project.write("main.c", "int main(void) { return 0; }\n")
    before = (await build(project)).elf.read_bytes()
    assert not (await build(project)).linked
    (folder / "symbols.ld").write_text("answer = 2;\n")
    assert (await build(project)).elf.read_bytes() != before
    assert not (await build(project)).linked
    (project.root / "symbols.ld").write_text("answer = 1;\n")  # the linker looks here first
    assert (await build(project)).elf.read_bytes() == before
    (folder / "main.ld").write_text("INSERT AFTER .text;\n")
    assert (await build(project)).linked


async def test_a_folder_that_a_file_of_words_names_is_on_the_way(project: HostProject) -> None:
    (project.root / "second" / "lib").mkdir(parents=True)
    (project.root / "words").write_text("-Isecond -I../common\n")
    project.flags = ("-O0", "@words")
    before = (await build(project)).elf.read_bytes()
    (project.root / "second" / "lib" / "shared.h").write_text("#define SHARED 5\n")
    assert (await build(project)).elf.read_bytes() != before
