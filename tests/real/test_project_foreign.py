"""Projects with a build of their own, onto a virtual board: CMake with ninja, and a plain command."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fbuild_watch.errors import InvalidImage, ProgramMissing, StepFailed
from fbuild_watch.pipeline import Pipeline
from tests.real.conftest import ServedBoard
from tests.real.program import environment, fbuild, run

needs_cmake = pytest.mark.skipif(
    not all(map(shutil.which, ("cmake", "ninja", "cc"))), reason="needs cmake, ninja and cc"
)

LISTS = """\
cmake_minimum_required(VERSION 3.16)
project(tiny C)
add_executable(make_app main/make_app.c)
target_include_directories(make_app PRIVATE ${CMAKE_SOURCE_DIR}/../shared)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/app.bin
  COMMAND make_app ${CMAKE_BINARY_DIR}/app.bin DEPENDS make_app)
add_custom_target(app ALL DEPENDS ${CMAKE_BINARY_DIR}/app.bin)
file(WRITE ${CMAKE_BINARY_DIR}/flasher_args.json [[
{
  "flash_files": {"0x10000": "app.bin"},
  "app": {"offset": "0x10000", "file": "app.bin", "encrypted": "false"},
  "extra_esptool_args": {"chip": "esp32c3"}
}]])
file(WRITE ${CMAKE_BINARY_DIR}/project_description.json
  [[{"monitor_baud": "57600", "app_elf": "make_app"}]])
"""
MAKE_APP = """\
#include <stdio.h>
#include "words.h"
int main(int count, char **words) {
    FILE *out = fopen(words[count - 1], "w");
    for (int line = 0; line < 300; line++) fprintf(out, "%s\\n", WORDS);
    return fclose(out);
}
"""


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A header beside the project, as components are in ESP-IDF."""
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "words.h").write_text('#define WORDS "first words"\n')
    return folder


@pytest.fixture
def cmake_project(tmp_path: Path, shared: Path) -> Path:
    folder = tmp_path / "a project"
    (folder / "main").mkdir(parents=True)
    (folder / "CMakeLists.txt").write_text(LISTS)
    (folder / "main" / "make_app.c").write_text(MAKE_APP)
    command = ["cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@needs_cmake
async def test_a_cmake_project_is_built_by_itself_and_flashed(
    cmake_project: Path, virtual_board: Callable[..., ServedBoard], tmp_path: Path
) -> None:
    board, env = virtual_board(), environment(tmp_path)
    command = ("flash", str(cmake_project), "--port", board.url, "--json")
    code, out, words = await run(*command, env=env)
    assert code == 0, words
    expected = b"first words\n" * 300
    assert board.flash(0x10000, len(expected)) == expected
    assert [region["name"] for region in json.loads(out)["regions"]] == ["app"]
    code, out, words = await run(*command, "--no-build", env=env)
    assert [region["state"] for region in json.loads(out)["regions"]] == ["unchanged"]
    code, _, words = await run("clean", str(cmake_project), "-e", "build", env=env)
    assert code == 0
    assert "its own build program" in words
    assert (cmake_project / "build" / "CMakeCache.txt").exists()


@needs_cmake
async def test_watch_sees_what_its_depfiles_name(
    cmake_project: Path, shared: Path, virtual_board: Callable[..., ServedBoard], tmp_path: Path
) -> None:
    board, env = virtual_board(), environment(tmp_path)
    description = cmake_project / "build" / "project_description.json"
    description.write_text('{"monitor_baud": "115200"}')
    async with fbuild("watch", str(cmake_project), "--port", board.url, env=env) as watch:
        await watch.see(r"flashed app \d sectors? in")
        (shared / "words.h").write_text('#define WORDS "other words"\n')
        await watch.see(r"flashed app \d sectors? in")
        expected = b"other words\n" * 300
        assert board.flash(0x10000, len(expected)) == expected
        source = cmake_project / "main" / "make_app.c"
        source.write_text(MAKE_APP.replace("int main(", "oops main("))
        await watch.see(r"make_app\.c:\d+:\d+: error:")
        await watch.see(r"the board keeps what it has")
        source.write_text(MAKE_APP.replace("300", "400"))
        await watch.see(r"flashed app \d sectors? in")
        watch.signal(signal.SIGTERM)
        assert await watch.ended() == 0
        assert watch.text.count("linked --") == 3, watch.text  # no build sees what it has built
        assert watch.text.count("-- build") <= 4, watch.text


@needs_cmake
async def test_the_pipeline_knows_the_board_and_the_inputs(
    cmake_project: Path, shared: Path
) -> None:
    pipeline = Pipeline(cmake_project, None)
    first = await pipeline.build()
    assert first.linked
    assert (first.image.chip, pipeline.environment.monitor_speed) == ("esp32c3", 57600)
    assert first.image.elf == cmake_project / "build" / "make_app"
    assert pipeline.roots() == {cmake_project / "main"}
    assert pipeline.beside() == {shared}
    assert not pipeline.is_edit([cmake_project / "build" / "app.bin"])
    assert pipeline.is_edit([cmake_project / "build" / "app.bin", shared / "words.h"])
    again = await pipeline.build()
    assert (again.linked, again.image) == (False, first.image)
    (cmake_project / "build" / "make_app").unlink()
    clean = await pipeline.build(clean=True)
    assert (cmake_project / "build" / "make_app").exists()
    assert (clean.linked, clean.image) == (False, first.image)


COMMAND = """\
[env:rust]
custom_fbuild_build =
    mkdir -p out/deep
    cp main/app.txt out/deep/app.bin
custom_fbuild_regions = 0x10000=out/deep/app.bin, 8192=table.bin
"""


@pytest.fixture
def command_project(tmp_path: Path) -> Path:
    folder = tmp_path / "other"
    (folder / "main").mkdir(parents=True)
    (folder / "notes").mkdir()
    (folder / "target").mkdir()
    (folder / ".hidden").mkdir()
    (folder / ".gitignore").write_text("# what cargo makes\n/target/\n*.o\n")
    (folder / "main" / "app.txt").write_text("an app")
    (folder / "table.bin").write_bytes(b"table")
    (folder / "platformio.ini").write_text(COMMAND)
    return folder


async def test_a_project_with_a_command(command_project: Path) -> None:
    pipeline = Pipeline(command_project, None)
    built = await pipeline.build()
    assert [(part.name, part.offset, part.data) for part in built.image.regions] == [
        ("table", 0x2000, b"table"),
        ("app", 0x10000, b"an app"),
    ]
    assert pipeline.roots() == {command_project / "main", command_project / "notes"}
    assert not pipeline.is_edit([command_project / "out" / "x", command_project / "table.bin"])


async def test_all_options_of_a_build_with_a_command(command_project: Path, tmp_path: Path) -> None:
    options = ("--explain", "--merged", "--size")
    code, _, words = await run("build", str(command_project), *options, env=environment(tmp_path))
    assert code == 0, words
    assert "it alone knows why" in words
    assert words.endswith(f" in {command_project}\n")
    merged = command_project / ".fbuild" / "build" / "rust" / "merged.bin"
    assert merged.read_bytes().endswith(b"an app")


@pytest.mark.parametrize(
    ("command", "said"),
    [("exit 3", "sh said nothing, and ended with exit code 3"), ("kill -9 $$", "by signal 9")],
)
async def test_an_end_without_words_is_put_in_words(
    command_project: Path, command: str, said: str
) -> None:
    ini = COMMAND.replace("mkdir -p out/deep", f"sh -c '{command}'")
    (command_project / "platformio.ini").write_text(ini)
    with pytest.raises(StepFailed) as failed:
        await Pipeline(command_project, None).build()
    assert said in failed.value.diagnostics


async def test_what_can_go_wrong_with_a_command(command_project: Path) -> None:
    (command_project / "main" / "app.txt").unlink()
    with pytest.raises(StepFailed) as failed:
        await Pipeline(command_project, None).build()
    assert "app.txt" in failed.value.diagnostics
    (command_project / "main" / "app.txt").touch()
    (command_project / "table.bin").unlink()
    with pytest.raises(InvalidImage, match="the build has not made it"):
        await Pipeline(command_project, None).build()
    (command_project / "platformio.ini").write_text(
        COMMAND.replace("cp main", "no-such-cargo main")
    )
    with pytest.raises(ProgramMissing, match="no-such-cargo is not there"):
        await Pipeline(command_project, None).build()
