"""A build with nothing to do is told from what was found then; whatever differs means a build."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import fbuild_watch.project
from benchmarks import build_trees as trees
from fbuild_watch import standing
from fbuild_watch.project import memory
from fbuild_watch.system import stamps

ROOM = Path(fbuild_watch.project.__file__).parent


class Kept:
    """A project whose build is kept, by processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.platform = folder / "hardware" / "bench" / "host"
        self.outputs = folder / ".fbuild" / "build" / "bench"

    def build(self) -> str:
        command = [sys.executable, "-m", "fbuild_watch", "build", str(self.folder)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stderr

    def stands(self) -> bool:
        return standing.recall(self.folder, None, release=False) is not None

    def settle(self) -> None:
        """Build until nothing is in doubt: what was written just now is, for a moment."""
        for _ in range(4):
            self.build()
            if self.stands():
                return
        raise AssertionError("never kept")

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def grown(name: str) -> Callable[[Kept], None]:
    def grow(kept: Kept) -> None:
        with (kept.folder / name).open("a") as file:
            file.write("\n")

    return grow


CHANGES: dict[str, Callable[[Kept], None]] = {
    "a source": grown("src/part0/unit1.cpp"),
    "a header": grown("include/h1.h"),
    "a new source": lambda kept: kept.write("src/late.cpp", "int late;\n"),
    "a new source in a new folder": lambda kept: kept.write("src/more/late.cpp", "int more;\n"),
    "a header before another": lambda kept: kept.write("src/part0/h0.h", "#pragma once\n"),
    "a header before one of the compiler's": lambda kept: kept.write("include/cstddef", ""),
    "the project's file": grown("platformio.ini"),
    "the platform's file": grown("hardware/bench/host/platform.txt"),
    "the project's first library": lambda kept: kept.write("lib/One/One.h", ""),
    "an object": lambda kept: next(kept.outputs.glob("obj/**/*.o")).unlink(),
    "the result": grown(".fbuild/build/bench/firmware.elf"),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("standing") / "project"
    trees.make_project(folder, 3)
    return Kept(folder)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_means_a_build(kept: Kept, change: Callable[[Kept], None]) -> None:
    kept.settle()
    change(kept)
    assert not kept.stands()


def test_the_same_words_are_said_again(kept: Kept) -> None:
    kept.settle()
    found = standing.recall(kept.folder, None, release=False)
    assert found is not None
    assert kept.build().splitlines() == [
        *found.slips,
        *(line.text for line in found.said if line.to_stderr),
    ]
    assert "compiled" not in kept.build()


def test_a_build_that_did_something_is_kept(kept: Kept) -> None:
    kept.settle()
    source = kept.folder / "src" / "part0" / "unit1.cpp"
    trees.edit(source, 4711)
    while not stamps.is_settled(stamps.now(str(source))):  # within a tick of the clock
        time.sleep(0.01)
    assert "compiled" in kept.build()
    assert kept.stands()
    assert "compiled" not in kept.build()


def test_what_a_build_left_undone_is_not_kept(kept: Kept) -> None:
    kept.settle()
    source = kept.folder / "src" / "part0" / "unit1.cpp"
    text = source.read_text()
    source.write_text(text + "nonsense\n")
    with pytest.raises(subprocess.CalledProcessError):
        kept.build()
    assert not kept.stands()
    source.write_text(text)


def test_a_word_of_a_command_may_become_a_file_but_not_a_folder(tmp_path: Path) -> None:
    trees.make_project(tmp_path / "project", 1)
    kept = Kept(tmp_path / "project")
    recipe = kept.platform / "platform.txt"
    recipe.write_text(recipe.read_text().replace('"g++" -o', '"g++" -L include -L late -o'))
    kept.settle()
    (kept.folder / "late").mkdir()
    assert kept.stands()
    (kept.folder / "late").rmdir()
    (kept.folder / "late").write_text("")
    assert not kept.stands()


def test_another_environment_means_a_build(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.settle()
    monkeypatch.setenv("SHLVL", "77")
    assert kept.stands()
    monkeypatch.setenv("CPATH", "/nowhere")
    assert not kept.stands()
    monkeypatch.delenv("CPATH")
    assert kept.stands()
    assert standing.recall(kept.folder, "bench", release=False) is None
    assert standing.recall(kept.folder, None, release=True) is None


def test_a_copy_of_a_project_is_another_project(kept: Kept, tmp_path: Path) -> None:
    kept.settle()
    copy = tmp_path / "copy"
    shutil.copytree(kept.folder, copy)
    assert not Kept(copy).stands()
    assert kept.stands()


@pytest.mark.parametrize("data", [b"", b"\x96", b"not msgpack"])
def test_what_cannot_be_read_means_a_build(kept: Kept, data: bytes) -> None:
    kept.settle()
    for file in (kept.folder / ".fbuild" / "standing").iterdir():
        file.write_bytes(data)
    assert not kept.stands()


def test_a_program_that_was_not_there_may_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert memory.which("no-such-compiler") is None
    assert memory.LOOKS.programs["no-such-compiler"] is None
    (tmp_path / "no-such-compiler").touch(0o755)
    assert memory.which("no-such-compiler") == str(tmp_path / "no-such-compiler")


def test_a_name_that_is_looked_for_in_vain_is_remembered(tmp_path: Path) -> None:
    looks = memory.Looks()
    assert looks.at(str(tmp_path / "none")) is None
    assert looks.found == {str(tmp_path / "none"): None}
    assert looks.is_sure
    (tmp_path / "none").touch()
    looks.at(str(tmp_path / "none"))
    assert not looks.is_sure


LOOKING = {"which", "is_file", "is_dir", "exists", "isfile", "isdir", "stat", "glob", "rglob", "iterdir",
           "scandir", "listdir", "walk", "read_text", "read_bytes", "open"}  # fmt: skip
MAY = {
    "memory.py": "it is the way",
    "foreign.py": "another program builds",
    "config.py": "patterns",
}


def test_planning_looks_at_files_through_its_memory_only() -> None:
    found = {
        path.name
        for path in ROOM.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LOOKING
        and ast.unparse(node.func.value) not in {"memory", "re"}
    }
    assert found - MAY.keys() == set(), "use fbuild_watch.project.memory"
    assert MAY.keys() <= found
