"""Cores for ESP chips: what their own upload and recipes have esptool do, done by us."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.errors import InvalidProject
from fbuild_watch.model import Environment, FlashSettings, Step
from fbuild_watch.project import esptool_words
from fbuild_watch.project.planner import plan

PLATFORM = """\
name=Made-up ESP core
version=9.0
compiler.path={runtime.platform.path}/bin/
tools.esptool_x.path={runtime.platform.path}/bin
tools.esptool_x.cmd=esptool
recipe.c.o.pattern={compiler.path}cc -c -MMD {includes} {source_file} -o {object_file}
recipe.cpp.o.pattern={compiler.path}cc -c -MMD {includes} {source_file} -o {object_file}
recipe.ar.pattern={compiler.path}cc {archive_file_path} {object_file}
recipe.c.combine.pattern={compiler.path}cc {object_files} -o "{build.path}/{build.project_name}.elf"
recipe.objcopy.bin.args=--chip {build.mcu} elf2image --flash_mode {build.flash_mode} -ff {build.img_freq} --flash-size "{build.flash_size}" --elf-sha256-offset 0xb0 -o "{build.path}/{build.project_name}.bin" "{build.path}/{build.project_name}.elf"
recipe.objcopy.bin.pattern="{tools.esptool_x.path}/esptool" {recipe.objcopy.bin.args}
recipe.objcopy.partitions.bin.pattern=gen "{build.path}/p.csv" "{build.path}/{build.project_name}.partitions.bin"
recipe.hooks.prebuild.1.pattern=/bin/sh -c "[ -f "{build.source.path}"/boot.bin ] && cp "{build.source.path}"/boot.bin "{build.path}"/{build.project_name}.bootloader.bin || x -o "{build.path}"/{build.project_name}.bootloader.bin "{runtime.platform.path}"/tools/boot.elf"
recipe.hooks.prebuild.2.pattern=/bin/sh -c "cp {build.path}/a "{build.path}/it's not closed"
recipe.hooks.objcopy.postobjcopy.1.pattern=look {build.path}
recipe.hooks.objcopy.postobjcopy.2.pattern=esptool merge_bin -o "{build.path}/all.bin" 0x10000 "{build.path}/{build.project_name}.bin"
tools.esptool_x.upload.args=--port "{serial.port}" --baud {upload.speed} write_flash {upload.erase_cmd} -z --flash_size keep {build.bootloader_addr} "{build.path}/{build.project_name}.bootloader.bin" 0x8000 "{build.path}/{build.project_name}.partitions.bin" 0xe000 "{runtime.platform.path}/tools/boot_app0.bin" 65536 "{build.path}/{build.project_name}.bin" {upload.extra_flags}
tools.esptool_x.upload.pattern="{path}/{cmd}" {upload.args}
tools.dfu.upload.pattern=dfu "{build.path}/{build.project_name}.bin"
"""
BOARDS = """\
one.name=One
one.build.core=c
one.build.variant=v
one.build.mcu=esp32s3
one.build.bootloader_addr=0x1000
one.build.flash_mode=qio
one.build.flash_freq=120m
one.build.img_freq=80m
one.build.flash_size=8MB
one.build.partitions=small
one.upload.tool=dfu
one.upload.speed=921600
one.upload.extra_flags=0x2d0000 "{runtime.platform.path}/variants/v/uf2.bin"
"""


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setenv("ARDUINO_DIRECTORIES_USER", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "none"))
    core = tmp_path / "hardware" / "m" / "esp"
    for name, text in {
        "platform.txt": PLATFORM, "boards.txt": BOARDS, "bin/cc": "", "cores/c/core.c": "",
        "tools/partitions/small.csv": "", "tools/partitions/large.csv": "",
    }.items():  # fmt: skip
        (core / name).parent.mkdir(parents=True, exist_ok=True)
        (core / name).write_text(text)
    (core / "bin" / "cc").chmod(stat.S_IRWXU)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.cpp").write_text("")
    return Environment("e", tmp_path, tmp_path / "src", tmp_path / "build", "m:esp:one")


def core(environment: Environment) -> Path:
    return environment.project_dir / "hardware" / "m" / "esp"


def names(environment: Environment) -> list[str]:
    return [step.name for step in plan(environment).finish]


def test_the_upload_says_what_lies_where(environment: Environment) -> None:
    build, platform = environment.build_dir, core(environment)
    made = plan(environment)
    assert made.flash_files == (
        (0x1000, build / "firmware.bootloader.bin"),
        (0x8000, build / "firmware.partitions.bin"),
        (0xE000, platform / "tools" / "boot_app0.bin"),
        (0x10000, build / "firmware.bin"),
        (0x2D0000, platform / "variants" / "v" / "uf2.bin"),
    )


def test_esptool_itself_is_not_run_for_what_is_done_here(environment: Environment) -> None:
    made = plan(environment)
    assert made.app_from_elf
    assert made.flash == FlashSettings("qio", "80m", "8MB", elf_sha256_offset=0xB0)
    assert names(environment) == ["objcopy partitions.bin", "objcopy.postobjcopy 1"]


@pytest.mark.parametrize(
    ("own", "steps"),
    [
        ("recipe.objcopy.bin.args=elf2image --secure-pad --flash_mode dio -o x {build.path}/firmware.elf",
         ["objcopy bin", "objcopy partitions.bin", "objcopy.postobjcopy 1"]),
        ("recipe.hooks.objcopy.postobjcopy.1.pattern=sign {build.path}/firmware.bin",
         ["objcopy bin", "objcopy partitions.bin", "objcopy.postobjcopy 1"]),
        ("recipe.objcopy.bin.pattern=other {build.path}/firmware.elf",
         ["objcopy bin", "objcopy partitions.bin", "objcopy.postobjcopy 1"]),
    ],
)  # fmt: skip
def test_a_recipe_that_does_more_is_run(
    environment: Environment, own: str, steps: list[str]
) -> None:
    (core(environment) / "platform.local.txt").write_text(f"{own}\n")
    assert names(environment) == steps
    assert not plan(environment).app_from_elf


def test_the_hook_that_makes_the_bootloader_is_known_by_what_it_makes(
    environment: Environment,
) -> None:
    elf = core(environment) / "tools" / "boot.elf"
    elf.write_text("")
    made, other = plan(environment).prebuild
    assert (made.output, made.inputs) == (environment.build_dir / "firmware.bootloader.bin", (elf,))
    assert (other.output, other.inputs) == (None, ())
    own = environment.src_dir / "boot.bin"
    own.write_text("")
    assert plan(environment).prebuild[0].inputs == (own, elf)


def test_a_core_without_an_upload_by_esptool_keeps_all_its_steps(environment: Environment) -> None:
    (core(environment) / "platform.local.txt").write_text("tools.esptool_x.upload.pattern=x\n")
    made = plan(environment)
    assert (made.flash_files, made.app_from_elf) == ((), True)
    assert len(made.finish) == 4


def test_a_core_without_a_table_has_no_place_for_data(environment: Environment) -> None:
    (core(environment) / "platform.local.txt").write_text(
        "recipe.objcopy.hex.1.pattern=pack --out {build.path}/{build.project_name}.bin\n"
        "tools.esptool_x.upload.args=write_flash 0x0 {build.path}/{build.project_name}.bin\n"
        "recipe.objcopy.bin.pattern=\nrecipe.objcopy.partitions.bin.pattern=\n"
    )
    data = environment.project_dir / "data"
    own = replace(environment, data_dir=data)
    assert plan(own).warnings == ()
    data.mkdir()
    made = plan(own)
    assert made.warnings == (
        f"{data} is not flashed: this core has no partition table that names its place",
    )
    assert (made.flash_files, made.app_from_elf) == (((0, own.build_dir / "firmware.bin"),), False)
    assert [step.name for step in made.finish] == ["objcopy hex.1", "objcopy.postobjcopy 1"]


def test_the_table_is_the_one_that_is_named(environment: Environment) -> None:
    tables, own = core(environment) / "tools" / "partitions", environment.project_dir
    assert plan(environment).partitions_csv == tables / "small.csv"
    (own / "partitions.csv").write_text("")
    assert plan(environment).partitions_csv == own / "partitions.csv"
    named = replace(environment, board_build={"partitions": "large.csv"})
    assert plan(named).partitions_csv == tables / "large.csv"
    named = replace(environment, board_build={"arduino.partitions": "large.csv"})
    assert plan(named).partitions_csv == tables / "large.csv"
    with pytest.raises(InvalidProject, match=r"nonesuch.csv: there is no such table") as failure:
        plan(replace(environment, board_build={"partitions": "nonesuch.csv"}))
    assert str(tables) in failure.value.hint


def test_a_variants_own_table_comes_before_the_cores(environment: Environment) -> None:
    variant = core(environment) / "variants" / "v"
    variant.mkdir(parents=True)
    (variant / "partitions.csv").write_text("")
    assert plan(environment).partitions_csv == variant / "partitions.csv"


def test_platformios_names_for_what_a_board_is_built_with(environment: Environment) -> None:
    boot = "one.build.boot=dio\none.build.memory_type={build.boot}_qspi\n"
    boards = core(environment) / "boards.txt"
    boards.write_text(BOARDS + boot)
    (core(environment) / "platform.local.txt").write_text(
        "recipe.c.o.pattern={compiler.path}cc -M={build.memory_type} -P={build.partitions} "
        "{includes} {source_file} -o {object_file}\n"
    )
    build = {"flash_mode": "qio", "arduino.partitions": "large", "core": "MiniCore"}
    made = plan(replace(environment, board_build=build))
    assert made.flash.mode == "dio"
    assert {"-M=qio_qspi", "-P=large"} <= set(made.units[0].argv)
    assert made.warnings == (
        "board_build.core = MiniCore is no core of m:esp:one: it is not heeded",
    )
    psram = plan(replace(environment, board_build={"arduino.memory_type": "opi_opi"}))
    assert "-M=opi_opi" in psram.units[0].argv
    boards.write_text(BOARDS)
    assert plan(replace(environment, board_build={"flash_mode": "qio"})).flash.mode == "qio"


def test_only_places_of_files_are_read_from_a_command() -> None:
    argv = (
        "x",
        "0x0",
        "before.bin",
        "write-flash",
        "-fs",
        "4MB",
        "-z",
        "0x0",
        "a.bin",
        "4096",
        "b",
    )
    assert esptool_words.written(argv) == ((0, Path("a.bin")), (4096, Path("b")))
    assert esptool_words.written(("upload", "0x0", "a.bin")) == ()


_WORDS = st.sampled_from(["write-flash", "elf2image", "-o", "010", "0x1F", "/b/firmware.bin",
                          "/b/firmware.elf", "--flash-mode", "'", ""]) | st.text(max_size=5)  # fmt: skip


@given(st.lists(_WORDS, max_size=8))
def test_whatever_a_command_says_it_is_read(words: list[str]) -> None:
    elf, app = Path("/b/firmware.elf"), Path("/b/firmware.bin")
    for offset, _ in esptool_words.written(words):
        assert 0 <= offset <= 0xFFFFFFFFFF
    (hook,) = esptool_words.with_outputs([Step("hook", tuple(words))], [app])
    assert hook.argv == tuple(words)
    left, settings = esptool_words.left_over([hook], elf, app)
    assert (left == ()) == (settings is not None or "merge-bin" in words)


def test_two_commands_for_one_image_are_both_run() -> None:
    elf, app = Path("/b/firmware.elf"), Path("/b/firmware.bin")
    argv = ("e", "elf2image", "-o", str(app), str(elf))
    one, two = Step("one", argv, app), Step("two", argv, app)
    assert esptool_words.left_over([one], elf, app) == ((), FlashSettings())
    assert esptool_words.left_over([one, two], elf, app) == ((one, two), None)
