"""A small core in the Arduino layout to a plan: what every command is, and every way to fail."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fbuild_watch.errors import CompilerMissing, InvalidProject, UnknownBoard
from fbuild_watch.model import BuildPlan
from fbuild_watch.project import load
from fbuild_watch.project.planner import plan

PLATFORM = """\
compiler.warn=-Wall
recipe.c.o.pattern="{compiler.path}{compiler.c.cmd}" -c {compiler.warn} {compiler.c.extra_flags} {includes} "{source_file}" -o "{object_file}"
recipe.cpp.o.pattern="{compiler.path}{compiler.cpp.cmd}" {compiler.cpp.mode} -c {compiler.cpp.extra_flags} {includes} -MMD -MF "{object_file}.dep" "{source_file}" -o "{object_file}"
recipe.S.o.pattern="{compiler.path}{compiler.c.cmd}" -c -DS {compiler.S.extra_flags} "{source_file}" -o "{object_file}"
recipe.ar.pattern="{compiler.path}ar" rcs "{archive_file_path}" "{object_file}"
recipe.c.combine.pattern="{compiler.path}{compiler.c.cmd}" -T "{build.variant.path}/x.ld" {object_files} "{build.path}/{archive_file}" -o "{build.path}/{build.project_name}.elf"
recipe.hooks.prebuild.10.pattern=late "{build.path}/x"
recipe.hooks.prebuild.2.pattern="{compiler.path}{compiler.c.cmd}" boot.c -MMD -MF "{build.path}/boot.d" -o "{build.path}/bootloader.elf"
recipe.hooks.prebuild.3.pattern=
compiler.c.extra_flags=-Dcore
"""
BOARDS = """\
menu.toolchain=Compiler
menu.speed=Speed
one.name=Board One
one.build.core=small
one.build.variant=v1
one.build.mcu=esp32c3
one.build.flash_size=2MB
one.build.bootloader_addr=0x1000
one.menu.toolchain.absent=Not here
one.menu.toolchain.absent.compiler.path={runtime.tools.absent.path}/
one.menu.toolchain.absent.compiler.cpp.cmd=cxx
one.menu.toolchain.here=Here
one.menu.toolchain.here.compiler.path={runtime.platform.path}/bin/
one.menu.toolchain.here.compiler.c.cmd=ccc
one.menu.toolchain.here.compiler.cpp.cmd=cxx
one.menu.toolchain.here.compiler.cpp.mode=sub
one.menu.speed.slow=Slow
one.menu.speed.slow.build.flash_freq=40m
one.menu.speed.fast=Fast
one.menu.speed.fast.build.flash_freq=80m
two.name=Board Two
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARDUINO_DIRECTORIES_USER", str(tmp_path / "no sketchbook"))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "no distribution"))
    root = tmp_path / "a project's {folder}"
    core = root / "hardware" / "v" / "a"
    files = {
        core / "platform.txt": PLATFORM,
        core / "boards.txt": BOARDS,
        core / "cores/small/core.c": "",
        core / "cores/small/deep/core.c": "",
        core / "cores/small/start.S": "",
        core / "variants/v1/v1.cpp": "",
        core / "variants/v1/x.ld": "",
        core / "tools/partitions/default.csv": "",
        core / "bin/cxx": "",
        root / "include/x.h": "",
        root / "src/main.cpp": "",
        root / "src/util.c": "",
        root / "src/sub/util.c": "",
        root / "src/sub/util.cc": "",
        root / "src/.hidden/no.c": "",
        root / "src/notes.txt": "",
        root / "platformio.ini": "[env:e]\nboard = v:a:one\nbuild_flags = '-DX=\"a b\"' -O2\n",
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (core / "bin/cxx").chmod(stat.S_IRWXU)
    return root


def planned(project: Path, board: str = "v:a:one") -> BuildPlan:
    ini = project / "platformio.ini"
    ini.write_text(ini.read_text().replace("v:a:one", board))
    return plan(load(project))


def test_units_in_order_with_objects_that_cannot_collide(project: Path) -> None:
    made = planned(project)
    objects = made.environment.build_dir / "obj"
    assert [str(unit.object.relative_to(objects)) for unit in made.units] == [
        "core/core.c.o", "core/deep/core.c.o", "core/start.S.o", "variant/v1.cpp.o",
        "src/main.cpp.o", "src/sub/util.c.o", "src/sub/util.cc.o", "src/util.c.o",
    ]  # fmt: skip


def test_commands_are_the_recipes(project: Path) -> None:
    made = planned(project)
    core = project / "hardware" / "v" / "a"
    build = project / ".fbuild" / "build" / "e"
    base = [f"-I{folder}" for folder in (core / "cores/small", core / "variants/v1")]
    own = [f"-I{folder}" for folder in (project / "include", project / "src")]
    first, cpp = made.units[0], made.units[4]
    assert first.argv == (
        f"{core}/bin/ccc", "-c", "-Wall", "-Dcore", *base, str(core / "cores/small/core.c"), "-o",
        str(build / "obj/core/core.c.o"), '-DX="a b"', "-O2",
    )  # fmt: skip
    assert first.depfile == build / "obj/core/core.c.d"
    assert cpp.argv[:3] == (f"{core}/bin/cxx", "sub", "-c")
    assert cpp.depfile == build / "obj/src/main.cpp.o.dep"
    assert cpp.argv[3:7] == (*base, *own)
    assert cpp.argv[-2:] == ('-DX="a b"', "-O2")
    assert "-O2" in made.units[2].argv
    core_objects = tuple(unit.object for unit in made.units[:3])
    others = tuple(unit.object for unit in made.units[3:])
    [archive] = made.archives
    assert archive.argv == (f"{core}/bin/ar", "rcs", str(build / "core.a"), *map(str, core_objects))
    assert (archive.output, archive.inputs) == (build / "core.a", core_objects)
    assert made.link.argv == (
        f"{core}/bin/ccc", "-T", str(core / "variants/v1/x.ld"), *map(str, others),
        str(build / "core.a"), "-o", str(build / "firmware.elf"),
    )  # fmt: skip
    assert made.link.inputs == (*others, build / "core.a")
    assert made.elf == made.link.output == build / "firmware.elf"


def test_hooks_run_by_number_and_tell_what_they_make(project: Path) -> None:
    made = planned(project)
    build = made.environment.build_dir
    boot, late = made.prebuild
    assert (boot.output, boot.depfile) == (build / "bootloader.elf", build / "boot.d")
    assert (late.argv, late.output) == (("late", str(build / "x")), None)
    assert made.bootloader_elf == build / "bootloader.elf"


def test_what_the_image_needs(project: Path) -> None:
    made = planned(project)
    core = project / "hardware" / "v" / "a"
    assert (made.chip, made.flash.size, made.flash.freq) == ("esp32c3", "2MB", "40m")
    assert made.bootloader_offset == 0x1000
    assert made.partitions_csv == core / "tools/partitions/default.csv"
    assert made.toolchain == f"Here ({core}/bin/cxx)"
    assert set(made.read_from) == {
        project / "platformio.ini", core / "platform.txt", core / "boards.txt",
    }  # fmt: skip
    (project / "partitions.csv").touch()
    again = planned(project, "v:a:one:speed=fast,toolchain=here")
    assert again.partitions_csv == project / "partitions.csv"
    assert again.flash.freq == "80m"


def test_the_same_folder_is_the_same_plan(project: Path) -> None:
    assert planned(project) == planned(project)


def test_where_more_may_come_to_be_is_watched(project: Path) -> None:
    (project / "more").mkdir()
    (project / "common").mkdir()
    ini = project / "platformio.ini"
    ini.write_text(
        "[platformio]\nextra_configs = more/*.ini, none/*.ini\n"
        f"{ini.read_text()}build_src_filter = +<*> +<../common/>\n"
    )
    made = plan(load(project))
    assert project / "more" in made.watch_beside
    assert project / "none" not in made.watch_beside
    assert project / "common" in made.watch_roots


def test_no_compiler_names_what_was_tried_and_what_to_install(project: Path) -> None:
    (project / "hardware/v/a/bin/cxx").chmod(stat.S_IRUSR)
    with pytest.raises(CompilerMissing) as failure:
        planned(project)
    assert failure.value.fields()["tried"] == ["cxx", str(project / "hardware/v/a/bin/cxx")]
    assert "pip install 'fbuild-watch[demo]'" in failure.value.hint
    with pytest.raises(CompilerMissing, match=r"tried: cxx\)"):
        planned(project, "v:a:one:toolchain=absent")


@pytest.mark.parametrize(
    ("board", "hint"),
    [
        ("v:a:none", "v:a:one, v:a:two"),
        ("v:b:one", "v:a:one, v:a:two"),
        ("uno", "v:a:one, v:a:two"),
        ("nonesuch", "vendor:arch:board"),
        ("nodemcu32s", "did you mean nodemcu-32s"),
        ("v:a:twoo", "did you mean v:a:two?"),
        ("../v:a:one", "vendor:arch:board"),
        ("v:a:one:speed", "vendor:arch:board"),
        ("v:a:one:speed=warp", "speed=slow, speed=fast"),
        ("v:a:one:colour=red", "toolchain, speed"),
    ],
)
def test_an_unknown_board_says_where_and_what_is_known(
    project: Path, board: str, hint: str
) -> None:
    with pytest.raises(UnknownBoard) as failure:
        planned(project, board)
    assert hint in failure.value.hint
    assert str(project / "hardware") in str(failure.value)


def test_what_is_missing_in_core_or_project_is_named(project: Path) -> None:
    boards = project / "hardware/v/a/boards.txt"
    boards.write_text(BOARDS.replace("bootloader_addr=0x1000", "bootloader_addr=high"))
    with pytest.raises(InvalidProject, match="bootloader_addr=high is not a number"):
        planned(project)
    boards.write_text(BOARDS.replace("build.core=small", "build.core=large"))
    with pytest.raises(InvalidProject, match=r"the core's folder .*large is missing"):
        planned(project)
    (boards.parent / "platform.txt").unlink()
    with pytest.raises(InvalidProject, match=r"platform\.txt"):
        planned(project)


@pytest.mark.parametrize("content", ["folder", "nothing"])
def test_a_project_without_sources_says_so(project: Path, content: str) -> None:
    (project / "src").rename(project / "elsewhere")
    if content == "folder":
        (project / "src").mkdir()
    with pytest.raises(InvalidProject, match=r"src: (the folder has no sources|no such folder)"):
        planned(project)


def test_a_source_folder_that_is_the_project_leaves_the_core_alone(project: Path) -> None:
    (project / "platformio.ini").write_text("[platformio]\nsrc_dir = .\n[env:e]\nboard = v:a:one\n")
    (project / "build").mkdir()
    (project / "build" / "made.c").touch()
    own = [unit.source for unit in planned(project).units[4:]]
    assert [str(path.relative_to(project)) for path in own] == [
        "src/main.cpp", "src/sub/util.c", "src/sub/util.cc", "src/util.c",
    ]  # fmt: skip


def test_a_linked_folder_is_followed_once(project: Path) -> None:
    (project / "src" / "loop").symlink_to(project / "src")
    assert len(planned(project).units) == 8
