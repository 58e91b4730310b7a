"""A core whose recipes are of the shape of ESP32's: hooks in shells, files of words, its own upload."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from fbuild_watch.errors import CompilerMissing
from fbuild_watch.model import BuildReport
from fbuild_watch.pipeline import Pipeline

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello-c3"
BOARD = "bare:esp32c3:devkit"
RECIPES = """\
opts={build.path}/opts.h
words={build.path}/words
compiler.c.extra_flags=@{opts} @{words}
compiler.cpp.extra_flags=@{opts} @{words}
recipe.hooks.prebuild.3.pattern=/usr/bin/env bash -c "cd '{build.path}' && 'PYTHON' -m esptool --chip {build.mcu} elf2image --flash-mode dio -o "{build.path}"/{build.project_name}.bootloader.bin "{build.path}"/bootloader.elf && echo made >> made.log"
recipe.hooks.prebuild.4.pattern=/usr/bin/env bash -c "[ ! -f "{build.source.path}"/opts.h ] || cp "{build.source.path}"/opts.h '{opts}'; [ -f '{opts}' ] || : > '{opts}'"
recipe.hooks.prebuild.5.pattern=/usr/bin/env bash -c ": > '{words}'"
recipe.hooks.core.prebuild.1.pattern=/usr/bin/env bash -c "echo -DIN_THE_CORE > '{words}'"
recipe.hooks.core.postbuild.1.pattern=/usr/bin/env bash -c ": > '{words}'"
recipe.objcopy.bin.args=--chip {build.mcu} elf2image --flash-mode {build.flash_mode} --flash-freq {build.flash_freq} -o "{build.path}/{build.project_name}.bin" "{build.path}/{build.project_name}.elf"
recipe.objcopy.bin.pattern="{runtime.platform.path}/no such program" {recipe.objcopy.bin.args}
recipe.hooks.objcopy.postobjcopy.1.pattern="{runtime.platform.path}/no such program" merge-bin -o x
upload.tool=esptool_own
tools.esptool_own.upload.pattern="esptool" --port "{serial.port}" write-flash -z {build.bootloader_addr} "{build.path}/{build.project_name}.bootloader.bin" 0x8000 "{build.path}/{build.project_name}.partitions.bin" 0x10000 "{build.path}/{build.project_name}.bin"
"""
MAIN = """\
#include <Arduino.h>
#ifdef IN_THE_CORE
#error a hook of the core holds for the sketch
#endif
void setup() { Serial.begin(115200); }
void loop() { Serial.println(WORD); delay(1000); }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example's core with these recipes laid over its own."""
    folder = tmp_path / "a project"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".fbuild", "src"))
    platform = folder / "hardware" / "bare" / "esp32c3"
    (platform / "platform.local.txt").write_text(RECIPES.replace("PYTHON", sys.executable))
    core = platform / "cores" / "arduino" / "main.cpp"
    core.write_text(f"#ifndef IN_THE_CORE\n#error no hook of the core\n#endif\n{core.read_text()}")
    ini = folder / "platformio.ini"
    ini.write_text(ini.read_text().replace(f"board = {BOARD}", f"board = {BOARD}:toolchain=gcc"))
    (folder / "src").mkdir()
    (folder / "src" / "main.cpp").write_text(MAIN)
    (folder / "src" / "opts.h").write_text('-DWORD=\\"one\\"\n')
    return folder


def regions(report: BuildReport) -> dict[str, bytes]:
    return {f"{region.name}@{region.offset:#x}": region.data for region in report.image.regions}


async def test_it_is_built_by_its_recipes_and_without_its_esptool(folder: Path) -> None:
    pipeline = Pipeline(folder, None)
    try:
        first = regions(await pipeline.build())
    except CompilerMissing as error:
        pytest.skip(str(error))
    assert list(first) == ["bootloader@0x0", "partitions@0x8000", "app@0x10000"]
    assert b"one" in first["app@0x10000"]
    made = folder / ".fbuild" / "build" / "devkit" / "made.log"

    source = folder / "src" / "main.cpp"
    before = made.read_text()
    source.write_text(MAIN.replace("1000", "2000"))
    edited = await pipeline.build()
    assert [path.name for path in edited.compiled] == ["main.cpp"]
    assert (await pipeline.build()).compiled == ()
    assert made.read_text().count("made") <= before.count("made") + 1  # its ELF was not there yet
    before = made.read_text()
    (folder / "src" / "opts.h").write_text('-DWORD=\\"two\\"\n')
    other = regions(await pipeline.build())
    assert b"two" in other["app@0x10000"]
    assert other["bootloader@0x0"] == first["bootloader@0x0"]
    assert made.read_text() == before
