"""The warm pipeline: what a hint spares, what it never hides, and the two profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import build_trees as trees
from fbuild_watch import project
from fbuild_watch.build.elf import sections
from fbuild_watch.errors import BuildError, CompileFailed, ImageTooBig, InvalidProject, LinkFailed
from fbuild_watch.model import BuildReport
from fbuild_watch.pipeline import Pipeline


class Watched:
    """A pipeline that is told of every change, and counts the times it had to look for itself."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.pipeline = Pipeline(folder, None)
        self.pipeline.edited(())
        self.pipeline.roots()
        self.looks = 0
        load = project.load

        def counted(*args: object) -> object:
            self.looks += 1
            return load(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(project, "load", counted)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text)
        self.pipeline.edited({path})

    def remove(self, name: str) -> None:
        path = self.folder / name
        path.unlink()
        self.pipeline.edited({path})

    async def build(self) -> tuple[list[str], bool]:
        """The sources that were compiled, and whether the pipeline had to look for itself."""
        before = self.looks
        report: BuildReport = await self.pipeline.build()
        return [path.name for path in report.compiled], self.looks > before


@pytest.fixture
async def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    trees.make_project(tmp_path / "project", 4)
    made = Watched(tmp_path / "project", monkeypatch)
    assert await made.build() == ([f"unit{number}.cpp" for number in range(4)], True)
    return made


UNIT = "src/part0/unit2.cpp"


def changed(watched: Watched, name: str, more: str) -> str:
    return (watched.folder / name).read_text() + more


async def test_an_edit_that_was_told_of_is_all_that_is_looked_at(watched: Watched) -> None:
    assert await watched.build() == ([], False)
    watched.write(UNIT, changed(watched, UNIT, "int more;\n"))
    assert await watched.build() == (["unit2.cpp"], False)
    (watched.folder / "src/part0/unit3.cpp").write_text("int untold;\n")
    watched.write(UNIT, changed(watched, UNIT, "int even_more;\n"))
    assert await watched.build() == (["unit2.cpp"], False)
    watched.pipeline._hints.lose()
    assert await watched.build() == (["unit3.cpp"], True)


async def test_a_touch_and_a_change_and_back_are_no_work(watched: Watched) -> None:
    text = changed(watched, UNIT, "")
    watched.write(UNIT, text + "int more;\n")
    watched.write(UNIT, text)
    assert await watched.build() == ([], False)


async def test_a_new_or_deleted_source_asks_for_a_new_plan(watched: Watched) -> None:
    watched.write("src/part0/late.cpp", "int late() { return 1; }\n")
    assert await watched.build() == (["late.cpp"], True)
    watched.remove("src/part0/late.cpp")
    assert await watched.build() == ([], True)
    obj = watched.pipeline.environment.build_dir / "obj"
    assert not list(obj.rglob("late*.o"))


async def test_a_folder_that_moved_is_seen(watched: Watched) -> None:
    old, new = watched.folder / "src/part0", watched.folder / "src/moved"
    old.rename(new)
    watched.pipeline.edited({old, new})
    compiled, looked = await watched.build()
    assert (sorted(compiled), looked) == ([f"unit{number}.cpp" for number in range(4)], True)


async def test_a_new_header_before_an_old_one_is_seen(watched: Watched) -> None:
    first = (watched.folder / UNIT).read_text().split('"')[1]
    watched.write(f"src/part0/{first}", (watched.folder / "include" / first).read_text() + "\n")
    compiled, looked = await watched.build()
    assert "unit2.cpp" in compiled
    assert looked


async def test_the_project_file_is_read_again_when_it_changed(watched: Watched) -> None:
    ini = (watched.folder / "platformio.ini").read_text()
    watched.write("platformio.ini", ini + "monitor_speed = 9600\n")
    assert await watched.build() == ([], True)
    assert watched.pipeline.environment.monitor_speed == 9600
    watched.write("platformio.ini", "[env:bench]\n")
    with pytest.raises(InvalidProject):
        await watched.build()
    watched.write("platformio.ini", ini + "monitor_speed = 9600\n")
    assert await watched.build() == ([], True)


async def test_what_a_hook_writes_into_the_sketch_is_a_part_of_the_first_build(
    tmp_path: Path,
) -> None:
    """As STM32's core has all sketches include its library."""
    folder = tmp_path / "project"
    trees.make_project(folder, 1)
    made = '"{build.path}"/sketch/Made.cpp'
    text = "#include <wrap.h>"
    hook = f'sh -c "mkdir -p "{{build.path}}"/sketch && echo \'{text}\' > {made}"'
    local = folder / "hardware" / "bench" / "host" / "platform.local.txt"
    local.write_text(f"recipe.hooks.prebuild.1.pattern={hook}\n")
    library = folder / "lib" / "Wrap"
    library.mkdir(parents=True)
    (library / "wrap.h").write_text("int wrapped();\n")
    (library / "wrap.cpp").write_text("int wrapped() { return 1; }\n")
    unit = folder / "src" / "part0" / "unit0.cpp"
    unit.write_text("int wrapped();\nint main() { return wrapped(); }\n")

    pipeline = Pipeline(folder, None)
    await pipeline.build()
    assert [source.name for source in (await pipeline.build()).compiled] == []
    unit.write_text("int wrapped();\nint main() { return wrapped() + 1; }\n")
    assert [source.name for source in (await pipeline.build()).compiled] == ["unit0.cpp"]
    local.unlink()
    with pytest.raises(LinkFailed):
        await Pipeline(folder, None).build(clean=True)


async def test_what_was_told_to_a_build_that_failed_is_not_forgotten(watched: Watched) -> None:
    good = (watched.folder / UNIT).read_text()
    watched.write(UNIT, good + "broken\n")
    watched.write("src/part0/unit1.cpp", changed(watched, "src/part0/unit1.cpp", "int other;\n"))
    with pytest.raises(CompileFailed):
        await watched.build()
    with pytest.raises(CompileFailed):
        await watched.build()
    watched.write(UNIT, good + "int mended;\n")
    assert await watched.build() == (["unit2.cpp"], False)


# --- profiles ------------------------------------------------------------------------------

PLATFORM = """
name=Small
version=1.0.0
recipe.c.o.pattern="gcc" -O1 -flto -c -MMD {includes} "{source_file}" -o "{object_file}"
recipe.cpp.o.pattern="g++" -O1 -flto -c -MMD {includes} "{source_file}" -o "{object_file}"
recipe.S.o.pattern="gcc" -c "{source_file}" -o "{object_file}"
recipe.ar.pattern="ar" rcs "{archive_file_path}" "{object_file}"
recipe.c.combine.pattern="gcc" -O1 -flto -o "{build.path}/{build.project_name}.elf" {object_files}
recipe.size.regex=^(?:\\.text|\\.data)\\s+([0-9]+).*
"""
UNUSED = "".join(f"int unused{n}(int x) {{ return x / {n + 3} * {n + 7}; }}\n" for n in range(200))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project whose recipe has LTO, which removes most of its code."""
    platform = tmp_path / "hardware" / "small" / "host"
    (platform / "cores" / "arduino").mkdir(parents=True)
    (tmp_path / "src").mkdir()
    (platform / "platform.txt").write_text(PLATFORM)
    (platform / "boards.txt").write_text("pc.name=PC\npc.build.core=arduino\npc.build.mcu=host\n")
    (tmp_path / "platformio.ini").write_text("[env:e]\nboard = small:host:pc\n")
    (tmp_path / "src" / "unused.c").write_text(UNUSED)
    (tmp_path / "src" / "main.c").write_text("int main(void) { return 0; }\n")
    return tmp_path


def code(elf: Path) -> int:
    return sum(s.size for s in sections(elf.read_bytes()) if s.name == ".text")


async def test_dev_leaves_lto_out_and_release_does_not(small: Path) -> None:
    said: list[str] = []
    dev, release = Pipeline(small, None), Pipeline(small, None, release=True)
    await release.build()
    dev.say = said.append
    await dev.build()
    assert release.environment.build_dir == dev.environment.build_dir / "release"
    outputs = [it.environment.build_dir / "firmware.elf" for it in (dev, release)]
    lost = code(outputs[0]) - code(outputs[1])
    assert lost > 1000
    assert [f"{lost:+,} against the last release" in words for words in said] == [True]
    assert (await release.build()).compiled == ()


async def test_one_option_keeps_lto(small: Path) -> None:
    ini = small / "platformio.ini"
    ini.write_text(ini.read_text() + "custom_fbuild_lto = yes\n")
    pipeline = Pipeline(small, None)
    said: list[str] = []
    pipeline.say = said.append
    await pipeline.build()
    assert code(pipeline.environment.build_dir / "firmware.elf") < 1000
    assert said == []


async def test_a_dev_image_that_does_not_fit_becomes_the_recipe_s(small: Path) -> None:
    boards = small / "hardware" / "small" / "host" / "boards.txt"
    boards.write_text(boards.read_text() + "pc.upload.maximum_size=1500\n")
    said: list[str] = []
    pipeline = Pipeline(small, None)
    pipeline.say = said.append
    pipeline.edited(())
    pipeline.roots()
    await pipeline.build()
    elf = pipeline.environment.build_dir / "firmware.elf"
    assert code(elf) < 1000
    assert len([words for words in said if "the recipe's own flags instead" in words]) == 1
    (small / "src" / "main.c").write_text("int main(void) { return 1; }\n")
    pipeline.edited({small / "src" / "main.c"})
    assert [path.name for path in (await pipeline.build()).compiled] == ["main.c"]
    assert code(elf) < 1000
    boards.write_text(boards.read_text().replace("=1500", "=10"))
    with pytest.raises(ImageTooBig, match="the board's flash"):
        await Pipeline(small, None).build()
    with pytest.raises(ImageTooBig):
        await Pipeline(small, None, release=True).build()


async def test_sizes_by_section_and_by_file_with_the_difference(small: Path) -> None:
    pipeline = Pipeline(small, None)
    await pipeline.build()
    first = await pipeline.sizes()
    assert first is not None
    assert first.before is None
    assert first.now.sections[".text"] == code(pipeline.environment.build_dir / "firmware.elf")
    assert first.now.files["obj/src/unused.c.o"] > 3000
    assert (pipeline.environment.build_dir / "firmware.map").is_file()
    (small / "src" / "unused.c").write_text(UNUSED + "int one_more(int x) { return x * x / 9; }\n")
    await pipeline.build()
    second = await pipeline.sizes()
    assert second is not None
    assert second.before == first.now
    grown = second.now.files["obj/src/unused.c.o"] - first.now.files["obj/src/unused.c.o"]
    assert 0 < grown < 200
    assert second.now.program - first.now.program > 0


async def test_a_project_that_takes_no_outputs_is_a_typed_error(small: Path) -> None:
    (small / ".fbuild").write_text("no folder")
    with pytest.raises(BuildError, match="the system refused"):
        await Pipeline(small, None).build()
