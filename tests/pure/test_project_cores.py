"""What cores may say in their files: hooks, objcopy, upload, borrowed cores, names of boards."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fbuild_watch.errors import InvalidProject, UnknownBoard
from fbuild_watch.model import BuildPlan, Environment, Installed
from fbuild_watch.project import arduino, boards, toolchain, userflags
from fbuild_watch.project.planner import Planner, board_name, is_outdated, plan

PLATFORM = """\
name=Lender
version=2.0
compiler.path={runtime.tools.cc-tool.path}/bin/
compiler.warning_flags=-w
compiler.warning_flags.none=-w
compiler.warning_flags.default=
compiler.libraries.ldflags=
recipe.c.o.pattern={compiler.path}cc -c {compiler.warning_flags} {compiler.c.extra_flags} {build.extra} {includes} {source_file} -o {object_file}
recipe.cpp.o.pattern="{compiler.path}cc" -c {compiler.warning_flags} -DBOARD={build.board} {compiler.cpp.extra_flags} {includes} {source_file} -o {object_file}
recipe.ar.pattern={compiler.path}ar rcs {archive_file_path} {object_file}
recipe.c.combine.pattern={compiler.path}cc {object_files} {compiler.libraries.ldflags} {build.path}/{archive_file} -o {build.path}/{build.project_name}.elf
recipe.objcopy.hex.pattern={compiler.path}oc -O ihex {build.path}/{build.project_name}.elf {build.path}/{build.project_name}.hex
recipe.objcopy.parts.bin.pattern=gen {build.path}/table.csv {build.path}/{build.project_name}.parts.bin
recipe.objcopy.none.pattern=
recipe.hooks.postbuild.1.pattern=post {build.path}/x
recipe.hooks.objcopy.postobjcopy.1.pattern=postobjcopy
recipe.hooks.linking.postlink.1.pattern=postlink
recipe.hooks.linking.prelink.10.pattern=prelink ten
recipe.hooks.linking.prelink.9.pattern=prelink nine
recipe.hooks.core.prebuild.1.pattern=core
recipe.hooks.sketch.prebuild.1.pattern=sketch
recipe.hooks.prebuild.1.pattern=first
tools.up.cmd.path=/bin/up
tools.up.upload.params.verbose=-v
tools.up.upload.params.quiet=-q
tools.up.upload.pattern="{cmd.path}" {upload.verbose} -P{serial.port} -l{serial.port.label} -p{serial.port.protocol} -b{upload.speed} "{build.path}/{build.project_name}.hex"
"""
LENDER = "one.name=One\none.build.core=c\none.build.variant=v\n"
BORROWER = """\
two.name=Two
two.build.core=lender:c
two.build.variant=lender:v
two.build.board=TWO_B
two.upload.tool=lender:up
two.upload.speed=115200
two.upload.use_1200bps_touch=true
"""


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """A project whose board borrows its core, and a compiler that is on PATH only."""
    monkeypatch.setenv("ARDUINO_DIRECTORIES_USER", str(tmp_path / "sketchbook"))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "share"))
    monkeypatch.setenv("PATH", str(tmp_path / "usr" / "bin"))
    write(tmp_path, {
        "sketchbook/hardware/lender/a/platform.txt": PLATFORM,
        "sketchbook/hardware/lender/a/boards.txt": LENDER,
        "sketchbook/hardware/lender/a/cores/c/core.c": "",
        "sketchbook/hardware/lender/a/variants/v/v.cpp": "",
        "sketchbook/hardware/lender/a/libraries/Lent/lent.h": "",
        "sketchbook/hardware/lender/a/libraries/Lent/lent.c": "",
        "sketchbook/hardware/borrower/a/boards.txt": BORROWER,
        "share/arduino/hardware/dist/a/platform.txt": PLATFORM,
        "share/arduino/hardware/dist/a/boards.txt": "my-uno.name=x\nmy-uno.build.board=THE_UNO\n",
        "project/src/main.cpp": "#include <lent.h>\n",
        "usr/bin/cc": "",
    })  # fmt: skip
    (tmp_path / "usr/bin/cc").chmod(stat.S_IRWXU)
    root = tmp_path / "project"
    return Environment("e", root, root / "src", root / "build", "borrower:a:two",
                       lib_dir=root / "lib")  # fmt: skip


def names(made: BuildPlan) -> list[str]:
    steps = (*made.prebuild, *made.core_hooks, *made.archives, made.link, *made.finish)
    return [step.name for step in steps]


def test_a_borrowed_core_brings_its_recipes_variant_and_libraries(environment: Environment) -> None:
    made = plan(environment)
    assert [unit.source.name for unit in made.units] == ["core.c", "v.cpp", "lent.c", "main.cpp"]
    assert made.units[2].object == environment.build_dir / "libraries/Lent/lent.c.o"
    assert "-DBOARD=TWO_B" in made.units[-1].argv
    tool = environment.project_dir.parent / "usr"
    assert made.units[0].argv[0] == f"{tool}/bin/cc"
    assert made.toolchain == f"{tool}/bin/cc"
    assert made.core.startswith("borrower:a ")
    assert [words.split()[0] for words in made.libraries] == ["Lent"]


def test_a_lender_that_is_not_here_is_named(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "sketchbook/hardware/lender/a/boards.txt").unlink()
    with pytest.raises(InvalidProject, match=r"needs lender:c, but the platform lender:a is not"):
        plan(environment)


def test_hooks_stand_around_what_they_are_named_for(environment: Environment) -> None:
    assert names(plan(environment)) == [
        "prebuild 1", "sketch.prebuild 1", "core.prebuild 1",
        "core.a", "linking.prelink 9", "linking.prelink 10", "link",
        "linking.postlink 1", "objcopy hex", "objcopy parts.bin", "objcopy.postobjcopy 1",
        "postbuild 1",
    ]  # fmt: skip


def test_a_hook_without_a_number_is_the_first_of_its_place(
    environment: Environment, tmp_path: Path
) -> None:
    write(tmp_path, {"sketchbook/hardware/lender/a/platform.local.txt":
        "recipe.hooks.sketch.prebuild.pattern=sign {runtime.ide.path}\n"
        "recipe.hooks.savehex.presavehex.1.pattern=only where a hex is exported\n"})  # fmt: skip
    made = plan(environment)
    assert [step.name for step in made.prebuild] == [
        "prebuild 1", "sketch.prebuild", "sketch.prebuild 1",
    ]  # fmt: skip
    assert [step.name for step in made.core_hooks] == ["core.prebuild 1"]
    assert [unit.source.name for unit in made.units[: made.core_units]] == ["core.c", "v.cpp"]
    assert made.prebuild[1].argv == ("sign", str(tmp_path / "sketchbook/hardware/borrower"))


def test_a_recipe_that_asks_for_no_depfile_is_made_to_ask(
    environment: Environment, tmp_path: Path
) -> None:
    local = "recipe.S.o.pattern=/x/some-elf-gcc -c -Wp,-MMD,x {source_file} -o {object_file}\n"
    write(tmp_path, {"sketchbook/hardware/lender/a/platform.local.txt": local,
                     "project/src/boot.S": "", "project/src/plain.c": ""})  # fmt: skip
    asked = {unit.source.name: "-MMD" in unit.argv for unit in plan(environment).units}
    assert (asked["plain.c"], asked["main.cpp"], asked["boot.S"]) == (True, True, False)


def test_what_hooks_write_into_the_sketch_is_compiled_and_asks_for_libraries(
    environment: Environment,
) -> None:
    write(environment.project_dir, {"lib/Wrap/wrap.h": "", "lib/Wrap/wrap.c": ""})
    first = plan(environment)
    assert not is_outdated(first)
    write(environment.build_dir, {"sketch/Wrapper.cpp": "#include <wrap.h>\n", "sketch/opt.h": "",
                                  "sketch/old.ino.cpp": ""})  # fmt: skip
    assert is_outdated(first)
    second = plan(environment)
    assert not is_outdated(second)
    sources = [unit.source.name for unit in second.units]
    assert sources == ["core.c", "v.cpp", "wrap.c", "lent.c", "main.cpp", "Wrapper.cpp"]
    (environment.build_dir / "sketch" / "Wrapper.cpp").unlink()
    assert is_outdated(second)


def test_objcopy_says_what_it_makes_and_reads(environment: Environment) -> None:
    made = plan(environment)
    build = environment.build_dir
    hex_step, parts = (step for step in made.finish if step.name.startswith("objcopy "))
    assert (hex_step.output, hex_step.inputs) == (build / "firmware.hex", (made.elf,))
    assert parts.output == build / "firmware.parts.bin"
    assert parts.inputs == (build / "table.csv",)
    assert made.artifacts == (build / "firmware.hex", build / "firmware.parts.bin")
    assert made.chip is None


def test_the_upload_leaves_open_what_only_it_knows(environment: Environment) -> None:
    upload = plan(replace(environment, upload_speed=57600)).upload
    assert upload is not None
    assert upload.argv == ("/bin/up", "-v", "-P{serial.port}", "-l{serial.port}", "-pserial",
                           "-b57600", str(environment.build_dir / "firmware.hex"))  # fmt: skip
    assert (upload.tool, upload.speed) == ("up", 57600)
    assert (upload.touch_1200, upload.wait_for_port) == (True, False)


def test_local_files_the_project_and_its_flags_have_the_last_word(
    environment: Environment, tmp_path: Path
) -> None:
    lender = tmp_path / "sketchbook/hardware/lender/a"
    write(lender, {"platform.local.txt": "build.extra=-DLOCAL\n"})
    own = replace(environment, board_build={"board": "MINE"}, build_flags=("-DALL", "-Wl,-x", "x.a"),
                  build_src_flags=("-DSRC",), build_unflags=("-c",))  # fmt: skip
    made = plan(own)
    core, project = made.units[0].argv, made.units[-1].argv
    assert {"-DLOCAL", "-DALL", "-w"} <= set(core)
    assert {"-DBOARD=MINE", "-DALL", "-DSRC"} <= set(project)
    assert not {"-c", "-w", "-Wl,-x", "x.a"} & set(project)
    assert "-DSRC" not in core
    words = list(made.link.argv)
    assert words.index("-Wl,-x") < words.index(str(made.units[-1].object)) < words.index("x.a")
    (lender / "platform.local.txt").write_text("build.extra=-DOTHER\n")
    assert "-DOTHER" in plan(own).units[0].argv


def test_a_library_that_asks_for_an_archive_is_linked_behind_the_objects(
    environment: Environment,
) -> None:
    write(environment.project_dir, {
        "lib/Arc/library.properties": "name=Arc\ndot_a_linkage=true\n",
        "lib/Arc/src/arc.h": "", "lib/Arc/src/arc.cpp": "",
        "src/main.cpp": "#include <arc.h>\n",
    })  # fmt: skip
    made = plan(environment)
    archive = environment.build_dir / "lib" / "Arc.a"
    assert next(step.output for step in made.archives if step.output) == archive
    argv = made.link.argv
    assert argv.index(str(made.units[-1].object)) < argv.index(str(archive))
    assert archive in made.link.inputs
    never = plan(replace(environment, lib_archive=False))
    assert [step.name for step in never.archives if step.output] == ["core.a"]


# --- names of boards -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("board", "full"),
    [
        ("uno", "arduino:avr:uno"),
        ("nanoatmega328", "arduino:avr:nano:cpu=atmega328old"),
        ("x:y:z:a=b", "x:y:z:a=b"),
        ("My_Uno", "dist:a:my-uno"),
        ("the_uno", "dist:a:my-uno"),
        ("nonesuch", "nonesuch"),
        ("pico", "arduino:mbed_rp2040:pico"),
    ],
)
def test_short_names(environment: Environment, board: str, full: str) -> None:
    assert board_name(replace(environment, board=board)) == full


def test_a_core_of_another_name_makes_another_board(environment: Environment) -> None:
    other = replace(environment, board="pico", board_build={"core": "earlephilhower"})
    assert board_name(other) == "rp2040:rp2040:rpipico"


def test_every_common_name_is_a_board_of_a_core() -> None:
    for full in boards.COMMON.values():
        parsed = arduino.BoardName.parse(full)
        assert parsed is not None
        assert str(parsed) == ":".join(full.split(":")[:3])
    assert boards.likely_platform("https://example.org/espressif32.zip") == ""
    assert boards.likely_platform("espressif8266@4.2.1") == "esp8266:esp8266"


def test_a_short_name_of_several_boards_is_asked_back(
    environment: Environment, tmp_path: Path
) -> None:
    write(tmp_path, {"project/hardware/own/a/boards.txt": "my_uno.name=y\n"})
    with pytest.raises(UnknownBoard) as failure:
        plan(replace(environment, board="my-uno"))
    assert failure.value.hint == "write one of: own:a:my_uno, dist:a:my-uno"


def test_what_was_installed_comes_before_what_all_projects_share(
    environment: Environment, tmp_path: Path
) -> None:
    write(tmp_path, {"store/platform.txt": PLATFORM.replace("2.0", "3.0"), "store/boards.txt": LENDER,
                     "store/cores/c/newer.c": "", "tool/bin/cc": ""})  # fmt: skip
    (tmp_path / "tool/bin/cc").chmod(stat.S_IRWXU)
    installed = Installed(platforms={"lender:a": tmp_path / "store"},
                          tools={"cc-tool": tmp_path / "tool"})  # fmt: skip
    write(tmp_path, {"project/src/main.cpp": ""})
    made = plan(replace(environment, board="lender:a:one"), installed)
    assert made.core == f"lender:a 3.0 ({tmp_path / 'store'})"
    assert made.units[0].source.name == "newer.c"
    assert made.units[0].argv[0] == str(tmp_path / "tool/bin/cc")


# --- plans one after the other -------------------------------------------------------------


def test_a_hint_answers_at_once_only_where_it_may(environment: Environment) -> None:
    planner = Planner()
    main = environment.src_dir / "main.cpp"
    first = planner.plan(environment)
    main.write_text("#include <lent.h>\nint changed;\n")
    assert planner.plan(environment, changed=[main]) is first
    assert planner.plan(environment) == first
    first = planner.plan(environment)
    assert planner.plan(replace(environment, board_build={"board": "X"}), changed=[main]) != first
    first = planner.plan(environment)
    assert planner.plan(environment, changed=[environment.project_dir / "other"]) is not first
    main.write_text("int no_library;\n")
    without = planner.plan(environment, changed=[main])
    assert without.libraries == ()
    main.unlink()
    write(environment.project_dir, {"src/other.cpp": ""})
    assert planner.plan(environment, changed=[main]).units[-1].source.name == "other.cpp"


def test_what_stays_the_same_is_the_same_object(environment: Environment) -> None:
    planner = Planner()
    first = planner.plan(environment)
    write(environment.project_dir, {"src/zz.cpp": ""})
    second = planner.plan(environment)
    assert all(a is b for a, b in zip(first.units, second.units[:-1], strict=True))


# --- flags ---------------------------------------------------------------------------------


def test_an_installed_tool_stands_for_one_in_the_cores_own_folder() -> None:
    platform = {"tools.gcc.path": "{runtime.platform.path}/tools/gcc", "tools.up.path": "/opt/up"}
    found = toolchain.tools({"gcc": Path("/t/gcc"), "up": Path("/t/up")}, platform)
    assert found["tools.gcc.path"] == found["runtime.tools.gcc.path"] == "/t/gcc"
    assert "tools.up.path" not in found


def test_flags_go_to_whom_they_are_for() -> None:
    words = ("-D", "A=1", "-std=gnu++17", "-std=gnu11", "-Wl,-x", "-L", "dir", "-lfoo", "-flto",
             "-include", "x.h", "-fno-rtti", "-I", "inc", "-T", "s.ld", "lib/x.a", "-e", "main",
             "--param", "p=1")  # fmt: skip
    flags = userflags.sort(words)
    both = ("-DA=1", "-flto", "-include", "x.h", "-Iinc", "--param", "p=1")
    assert flags.c == ("-DA=1", "-std=gnu11", *both[1:])
    assert flags.cpp == ("-DA=1", "-std=gnu++17", *both[1:4], "-fno-rtti", *both[4:])
    assert flags.asm == both
    assert flags.link == ("-Wl,-x", "-Ldir", "-flto", "-Ts.ld", "-e", "main")
    assert flags.libraries == ("-lfoo", "lib/x.a")
    assert userflags.includes(words) == ["inc"]


def test_a_users_words_are_the_last_and_their_macros_are_theirs_alone() -> None:
    recipe = ("cc", "-Os", "-D", "LEVEL=0", "-DLEVELS=1", "-UMINE", "-DF(x)=x", "x.c", "-o", "x.o")
    own = ("-DLEVEL=5", "-I", "inc", "-O2", "-DMINE", "-D", "F", "-isystem", "sys")
    laid = userflags.laid_over(recipe, own)
    assert laid == (
        "cc",
        "-Os",
        "-DLEVELS=1",
        "x.c",
        "-o",
        "x.o",
        "-DLEVEL=5",
        "-O2",
        "-DMINE",
        "-DF",
    )
    assert userflags.folders(own) == ("-Iinc", "-isystem", "sys")
    assert userflags.laid_over(recipe, ("-Iinc",)) == recipe


def test_flags_of_the_source_come_after_those_of_all(environment: Environment) -> None:
    own = replace(environment, build_flags=("-DA=1", "-DBOARD=MINE", "-Iall"),
                  build_src_flags=("-DA=2", "-O3", "-Iown"))  # fmt: skip
    made = plan(own)
    core, main = made.units[1].argv, made.units[-1].argv
    assert [word for word in core if word.startswith("-DA=")] == ["-DA=1"]
    assert main[-3:] == ("-DA=2", "-O3", "-MMD")
    assert [word for word in main if word.startswith(("-DA=", "-DBOARD"))] == [
        "-DBOARD=MINE", "-DA=2",
    ]  # fmt: skip
    assert main.index("-Iall") < main.index("-Iown") < main.index("-DBOARD=MINE")


def test_unflags_take_words_away_but_never_the_program() -> None:
    command = ("cc", "-Os", "-D", "A", "-DB", "x.c")
    assert userflags.without(command, ("-Os", "-DA", "cc")) == ("cc", "-DB", "x.c")
    assert userflags.without(command, ()) == command
    defined = ("cc", "-DA=1", "-DA(x)=x", "-DAB=1", "-UA")
    assert userflags.without(defined, ("-D", "A")) == ("cc", "-DAB=1", "-UA")
    assert userflags.without(defined, ("-DA=2", "-DAB=1")) == ("cc", "-DA=1", "-DA(x)=x", "-UA")
