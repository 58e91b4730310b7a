"""The object cache with the host's compiler: what is shared, what never is, what damage costs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fbuild_watch.build import Builder, BuildEvent, UnitDone
from fbuild_watch.build.cache import ObjectCache, user_cache
from fbuild_watch.build.graph import digest
from fbuild_watch.errors import CompileFailed
from tests.real.build_kit import HostProject, script, two_units

Make = Callable[[str], HostProject]


@pytest.fixture
def cache(tmp_path: Path) -> ObjectCache:
    return ObjectCache(tmp_path / "cache", 1 << 30)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def checkout(name: str) -> HostProject:
        """A checkout of the same project, in a folder of its own."""
        project = HostProject(tmp_path / name, flags=("-O0", "-g"))
        two_units(project)
        return project

    return checkout


async def build(project: HostProject, cache: ObjectCache) -> dict[str, bool]:
    """Build with a new Builder: each unit that was made, and whether it came from the cache."""
    events: list[BuildEvent] = []
    builder = Builder(project.plan(), cache=cache)
    await builder.build(on_event=events.append)
    builder.settle()
    return {event.source.name: event.reused for event in events if isinstance(event, UnitDone)}


def elf(project: HostProject) -> bytes:
    return (project.build_dir / "firmware.elf").read_bytes()


ALL = {"lib_x.c", "main.c", "util.c"}


async def test_a_second_checkout_compiles_nothing_and_makes_the_same_bytes(
    make: Make, cache: ObjectCache
) -> None:
    one, two = make("one"), make("a much longer name")
    one.write("main.c", '#include "a.h"\n#include "b.h"\nint x(void);\nconst char *f = __FILE__;\n'
              "int main(void) { return A + B + util() + x(); }\n")  # fmt: skip
    shutil.copy(one.src / "main.c", two.src / "main.c")
    assert await build(one, cache) == dict.fromkeys(ALL, False)
    assert await build(two, cache) == dict.fromkeys(ALL, True)
    assert elf(one) == elf(two)
    assert b"./src/main.c" in elf(one)
    assert str(one.root).encode() not in elf(one)
    assert await build(two, cache) == {}


async def test_a_name_that_is_no_unicode_is_built_and_not_kept(
    make: Make, cache: ObjectCache
) -> None:
    project = make("one")
    (project.src / os.fsdecode(b"\xff.h")).write_text("#define C 1\n")
    (project.src / os.fsdecode(b"\xfe.c")).write_bytes(b'#include "\xff.h"\nint other = C;\n')
    assert len(await build(project, cache)) == 4
    assert await build(project, cache) == {}
    described = json.loads((project.build_dir / "compile_commands.json").read_bytes())
    assert {Path(entry["file"]).name for entry in described} == ALL


async def test_a_branch_and_back_compiles_once(make: Make, cache: ObjectCache) -> None:
    project = make("one")
    await build(project, cache)
    first = elf(project)
    for text, expected in (("5", False), ("1", True), ("5", True), ("1", True)):
        project.write("a.h", f"#define A {text}\nint util(void);\n")
        assert await build(project, cache) == {"main.c": expected, "util.c": expected}
    assert elf(project) == first


async def test_what_differs_in_anything_that_counts_is_no_hit(
    make: Make, cache: ObjectCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    await build(make("one"), cache)
    flags = make("flags")
    flags.flags = ("-O1", "-g")
    assert set((await build(flags, cache)).values()) == {False}
    header = make("header")
    header.write("b.h", "#define B 3\n")
    assert await build(header, cache) == {"lib_x.c": True, "main.c": False, "util.c": True}
    other = make("other")
    other.compiler = script(other.root / "my-gcc", 'exec gcc "$@"')
    assert set((await build(other, cache)).values()) == {False}
    monkeypatch.setenv("CPATH", str(other.root))
    assert set((await build(make("environment"), cache)).values()) == {False}


async def test_a_header_before_the_one_that_was_read_is_no_hit(
    make: Make, cache: ObjectCache
) -> None:
    def with_include_folder(name: str) -> HostProject:
        project = make(name)
        project.flags = ("-O0", f"-I{project.root}/include")
        (project.root / "include").mkdir()
        (project.src / "b.h").replace(project.root / "include" / "b.h")
        return project

    await build(with_include_folder("one"), cache)
    two = with_include_folder("two")
    two.write("b.h", "#define B 77\n")
    assert await build(two, cache) == {"lib_x.c": True, "main.c": False, "util.c": True}
    (two.src / "b.h").unlink()
    assert await build(two, cache) == {"main.c": True}


async def test_a_folder_s_name_in_a_macro_is_not_shared(make: Make, cache: ObjectCache) -> None:
    for name in ("one", "two"):
        project = make(name)
        project.flags = ("-O0", f'-DROOT="{project.root}"')
        project.write("util.c", "int util(void) { return 0; }\nconst char *root = ROOT;\n")
        assert set((await build(project, cache)).values()) == {False}
        assert str(project.root).encode() in elf(project)


async def test_a_compiler_that_cannot_map_names_shares_within_one_folder(
    make: Make, cache: ObjectCache
) -> None:
    def old(project: HostProject) -> HostProject:
        project.compiler = str(make("tools").root / "old-gcc")
        body = 'case "$*" in *prefix-map*) exit 1;; esac; exec gcc "$@"'
        script(Path(project.compiler), body)
        return project

    one, two = old(make("one")), old(make("two"))
    assert set((await build(one, cache)).values()) == {False}
    assert set((await build(two, cache)).values()) == {False}
    shutil.rmtree(one.build_dir)
    assert set((await build(one, cache)).values()) == {True}


async def test_the_time_of_day_is_not_kept(make: Make, cache: ObjectCache) -> None:
    project = make("one")
    project.write("util.c", "int util(void) { return 1; }\nconst char *at = __TIME__;\n")
    await build(project, cache)
    shutil.rmtree(project.build_dir)
    assert await build(project, cache) == {"lib_x.c": True, "main.c": True, "util.c": False}


@pytest.mark.parametrize("word", ["-DNOW=__DATE__", "-gsplit-dwarf", "-Wa,-ahl=/dev/null"])
@pytest.mark.parametrize("is_in_a_file", [False, True])
async def test_a_command_that_asks_for_more_than_an_object_is_not_kept(
    make: Make, cache: ObjectCache, word: str, is_in_a_file: bool
) -> None:
    project = make("one")
    (project.root / "flags").write_text(f"-O0 {word}\n")
    project.flags = ("@flags",) if is_in_a_file else (word,)
    await build(project, cache)
    shutil.rmtree(project.build_dir)
    assert await build(project, cache) == dict.fromkeys(ALL, False)


async def test_a_file_of_words_counts(make: Make, cache: ObjectCache) -> None:
    project = make("one")
    words = project.root / "flags.txt"
    project.flags = ("-O0", f"@{words}")
    words.write_text("-DX=1")
    assert set((await build(project, cache)).values()) == {False}
    words.write_text("-DX=2")
    assert await build(project, cache) == dict.fromkeys(ALL, False)
    words.write_text("-DX=1")
    assert await build(project, cache) == dict.fromkeys(ALL, True)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="specs are gcc's")
async def test_specs_of_the_project_count_and_those_of_the_compiler_are_no_files(
    make: Make, cache: ObjectCache
) -> None:
    project = make("one")
    project.compiler, project.flags = "gcc", ("-O0", "-specs=own.specs")
    specs = project.root / "own.specs"
    for value, reused in ((1, False), (2, False), (1, True)):
        specs.write_text(f"*cc1:\n+ -DX={value}\n")
        assert await build(project, cache) == dict.fromkeys(ALL, reused)
    project.flags = ("-O0", "-specs=no-file-here", "-Bsrc/given")  # found by gcc, not by us
    (project.src / "given").mkdir()
    (project.src / "given" / "no-file-here").touch()
    assert await build(project, cache) == dict.fromkeys(ALL, False)
    shutil.rmtree(project.build_dir)
    assert await build(project, cache) == dict.fromkeys(ALL, True)


@pytest.mark.parametrize("damage", ["object", "cut", "unit", "gone"])
async def test_damage_costs_a_compile_and_heals(
    make: Make, cache: ObjectCache, tmp_path: Path, damage: str
) -> None:
    one = make("one")
    await build(one, cache)
    good = elf(one)
    for path in _files(tmp_path / "cache" / ("units" if damage == "unit" else "files")):
        data = path.read_bytes()
        path.unlink()
        if damage != "gone":
            wrong = data[:-1] + bytes([data[-1] ^ 1])
            path.write_bytes(data[: len(data) // 2] if damage == "cut" else wrong)
    two = make("two")
    made = await build(two, cache)
    assert elf(two) == good
    if damage != "unit":
        assert made == dict.fromkeys(ALL, False)
    assert await build(make("three"), cache) == dict.fromkeys(ALL, True)


async def test_warnings_are_said_again_and_errors_are_no_entries(
    make: Make, cache: ObjectCache
) -> None:
    for name in ("one", "two"):
        project = make(name)
        project.write("util.c", "#warning take care\nint util(void) { return 1; }\n")
        project.write("main.c", "int broken(\n")
        events: list[BuildEvent] = []
        builder = Builder(project.plan(), cache=cache)
        with pytest.raises(CompileFailed):
            await builder.build(on_event=events.append)
        builder.settle()
        words = [event.output for event in events if isinstance(event, UnitDone) and event.output]
        assert len(words) == 1
        assert "take care" in words[0]


async def test_colours_in_kept_words_are_for_terminals_only(make: Make, cache: ObjectCache) -> None:
    said = []
    for name, colours in (("one", True), ("two", False), ("three", True)):
        project = make(name)
        project.write("util.c", "#warning take care\nint util(void) { return 1; }\n")
        events: list[BuildEvent] = []
        builder = Builder(project.plan(), cache=cache, colours=colours)
        await builder.build(on_event=events.append)
        builder.settle()
        done = (event for event in events if isinstance(event, UnitDone) and event.output)
        said += [(event.reused, "\x1b" in event.output) for event in done]
    assert said == [(False, True), (True, False), (True, True)]


async def test_an_object_in_a_build_folder_is_never_written_in_place(
    make: Make, cache: ObjectCache, tmp_path: Path
) -> None:
    one = make("one")
    await build(one, cache)
    kept = {path: digest(path.read_bytes()) for path in _files(tmp_path / "cache" / "files")}
    for text in (
        "int util(void) { return 3; }\n",
        "int broken(\n",
        "int util(void) { return 4; }\n",
    ):
        one.write("util.c", text)
        try:
            await build(one, cache)
        except CompileFailed:
            assert text == "int broken(\n"
    assert {path: digest(path.read_bytes()) for path in kept} == kept
    assert all(not path.stat().st_mode & 0o222 for path in kept)


async def test_the_least_recently_used_go_first(
    make: Make, cache: ObjectCache, tmp_path: Path
) -> None:
    project = make("one")
    for number in range(6):
        project.write("a.h", f"#define A {number}\nint util(void);\n")
        project.write("lib_x.c", f"int x(void) {{ return {number}; }}\n")
        await build(project, cache)
    folder = tmp_path / "cache"
    units = _files(folder / "units")
    old = [path for path in units if path.stat().st_mtime_ns < max(
        unit.stat().st_mtime_ns for unit in units)]  # fmt: skip
    for path in old:
        os.utime(path, (1, 1))
    limit = _size(folder) // 2
    small = ObjectCache(folder, limit)
    small.trim()
    assert 0 < _size(folder) <= limit
    assert units
    assert len(_files(folder / "units")) < len(units)
    project.write("a.h", "#define A 77\nint util(void);\n")
    await build(project, small)  # what is left is whole
    full = ObjectCache(folder, 1 << 30)
    before = _size(folder)
    full.trim()
    assert _size(folder) == before


def test_what_a_killed_process_left_goes_with_a_trim(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 1 << 30)
    folder = tmp_path / "files" / "ab"
    folder.mkdir(parents=True)
    for name in (".old.1.tmp", ".new.2.tmp"):
        (folder / name).write_bytes(b"half")
    os.utime(folder / ".old.1.tmp", (1, 1))
    cache.trim()
    assert [path.name for path in folder.iterdir()] == [".new.2.tmp"]


def test_the_user_s_cache_has_a_limit_and_an_off_switch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FBUILD_CACHE_DIR", str(tmp_path))
    for text, limit in (
        ("", 5 << 30), ("500M", 500 << 20), ("2 GiB", 2 << 30), ("x", 5 << 30), ("-1", 5 << 30),
        ("1.5g", 3 << 29), ("1TB", 1 << 40), ("7", 7), ("1e3", 5 << 30),
    ):  # fmt: skip
        monkeypatch.setenv("FBUILD_CACHE_LIMIT", text)
        found = user_cache()
        assert found is not None
        assert found._limit == limit
    monkeypatch.setenv("FBUILD_CACHE_LIMIT", "0")
    assert user_cache() is None


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder / "files"))
