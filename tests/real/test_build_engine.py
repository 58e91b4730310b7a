"""The engine with the host's compiler: what is done again, and what a failure leaves."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trio

from fbuild_watch.build import (
    Builder,
    BuildEvent,
    Built,
    StepDone,
    UnitDone,
    Waits,
    folder,
    response,
)
from fbuild_watch.errors import (
    BuildError,
    CompileFailed,
    CompilerMissing,
    LinkFailed,
    ProgramMissing,
    StepFailed,
)
from fbuild_watch.model import GeneratedFile, Step
from fbuild_watch.system.kernel_lock import open_lock_file, try_exclusive
from tests.real.build_kit import HostProject, script, two_units, wait_until


@pytest.fixture
def project(tmp_path: Path) -> HostProject:
    made = HostProject(tmp_path / "project")
    two_units(made)
    return made


def names(built: Built) -> list[str]:
    return [source.name for source in built.compiled]


async def build(project: HostProject) -> Built:
    """A build by a new Builder: what it knows, it knows from the store."""
    return await Builder(project.plan()).build()


async def test_first_build_does_everything_and_the_next_one_nothing(project: HostProject) -> None:
    builder = Builder(project.plan(), jobs=2)
    first = await builder.build()
    assert names(first) == ["lib_x.c", "main.c", "util.c"]
    assert first.linked
    assert first.elf.is_file()
    assert first.phases.keys() == {"compiled", "linked"}
    for again in (await builder.build(), await build(project)):
        assert again == Built((), False, first.elf, {})


async def test_a_header_recompiles_only_the_units_that_include_it(project: HostProject) -> None:
    builder = Builder(project.plan())
    await builder.build()
    project.write("b.h", "#define B 3\n")
    assert names(await builder.build()) == ["main.c"]
    project.write("a.h", "#define A 5\nint util(void);\n")
    assert names(await build(project)) == ["main.c", "util.c"]


async def test_a_touch_or_a_change_and_back_is_no_work(project: HostProject) -> None:
    builder = Builder(project.plan())
    await builder.build()
    text = (project.src / "main.c").read_text()
    os.utime(project.src / "a.h", (1, 1))
    project.write("main.c", text + "int more;\n")
    project.write("main.c", text)
    assert (await builder.build()).compiled == ()
    assert (await build(project)).compiled == ()


async def test_an_edit_right_after_the_build_is_seen_though_size_stays(
    project: HostProject,
) -> None:
    builder = Builder(project.plan())
    await builder.build()
    for value in range(3, 9):
        project.write("b.h", f"#define B {value}\n")
        assert names(await builder.build()) == ["main.c"]


async def test_a_flag_recompiles_everything(project: HostProject) -> None:
    await build(project)
    project.flags = ("-O1",)
    assert names(await build(project)) == ["lib_x.c", "main.c", "util.c"]


async def test_the_same_object_is_not_linked_again(project: HostProject) -> None:
    builder = Builder(project.plan())
    await builder.build()
    source = project.src / "util.c"
    source.write_text(source.read_text() + "// only words\n")
    built = await builder.build()
    assert names(built) == ["util.c"]
    assert not built.linked


@pytest.mark.parametrize(
    "name",
    ["a b.h", "a#b.h", "a$b.h", "a:b.h", "a\\b.h", "a%b'c.h", "é.h", "a\fb\x1cc\u2028d.h"],
)
async def test_any_name_of_a_header_is_seen_to_change(tmp_path: Path, name: str) -> None:
    project = HostProject(tmp_path / "a folder: #1 $x")
    header = project.write(name, "#define A 1\n")
    project.write("main file.c", f'#include "{name}"\nint main(void) {{ return A; }}\n')
    builder = Builder(project.plan())
    await builder.build()
    assert header in builder.inputs()
    assert not (await build(project)).compiled
    header.write_text("#define A 2\n")
    assert names(await build(project)) == ["main file.c"]


async def test_a_deleted_header_fails_with_the_compilers_words(project: HostProject) -> None:
    builder = Builder(project.plan())
    await builder.build()
    (project.src / "b.h").unlink()
    with pytest.raises(CompileFailed, match=r"src/main.c did not compile") as failure:
        await builder.build()
    assert failure.value.diagnostics.count("b.h: No such file") == 1
    project.write("b.h", "#define B 2\n")
    assert (await builder.build()).compiled == ()


async def test_a_syntax_error_spoils_nothing_that_was_there(project: HostProject) -> None:
    builder = Builder(project.plan())
    elf = (await builder.build()).elf
    before = elf.read_bytes()
    good = (project.src / "main.c").read_text()
    project.write("main.c", "int main(void) { return }\n")
    project.write("lib_x.c", "int x(void) { return 8; }\n")
    events: list[BuildEvent] = []
    with pytest.raises(CompileFailed) as failure:
        await builder.build(on_event=events.append)
    assert failure.value.fields()["sources"] == ["src/main.c"]
    assert failure.value.diagnostics.count("error:") == 1
    done = {event.source.name: event for event in events if isinstance(event, UnitDone)}
    assert done["lib_x.c"].ok
    assert not done["main.c"].ok
    assert done["main.c"].output == ""
    assert elf.read_bytes() == before
    project.write("main.c", good)
    fixed = await builder.build()
    assert fixed.compiled == ()  # main.c is what its object was made from, lib_x.c was compiled
    assert fixed.linked


async def test_every_failing_unit_is_reported_in_source_order(project: HostProject) -> None:
    project.write("util.c", "util is broken;\n")
    project.write("main.c", "main is broken;\n")
    with pytest.raises(CompileFailed) as failure:
        await Builder(project.plan(), jobs=2).build()
    words = failure.value.diagnostics
    assert failure.value.fields()["sources"] == ["src/main.c", "src/util.c"]
    assert 0 <= words.index("main is broken") < words.index("util is broken")


async def test_warnings_are_said_with_the_unit(project: HostProject) -> None:
    project.write("util.c", "#warning take care\nint util(void) { return 1; }\n")
    events: list[BuildEvent] = []
    await Builder(project.plan()).build(on_event=events.append)
    words = [event.output for event in events if isinstance(event, UnitDone) and event.output]
    assert len(words) == 1
    assert "take care" in words[0]


async def test_a_deleted_source_is_no_longer_linked(project: HostProject) -> None:
    project.write("lib_y.c", "int y(void) { return 7; }\n")
    await build(project)
    stale = project.build_dir / "obj" / "lib_y.c.o"
    assert stale.is_file()
    (project.src / "lib_y.c").unlink()
    built = await build(project)
    assert built.compiled == ()
    assert not stale.exists()
    assert b"lib_y" not in (project.build_dir / "lib.a").read_bytes()


async def test_a_unit_that_lost_its_symbol_does_not_link(project: HostProject) -> None:
    builder = Builder(project.plan())
    elf = (await builder.build()).elf
    before = elf.read_bytes()
    project.write("util.c", "int other(void) { return 1; }\n")
    with pytest.raises(LinkFailed, match=r"firmware\.elf did not link") as failure:
        await builder.build()
    assert "util" in failure.value.diagnostics
    assert elf.read_bytes() == before


async def test_a_script_that_the_link_names_is_its_input(project: HostProject) -> None:
    exports = project.root / "exports.txt"
    exports.write_text("{ main; };\n")
    project.link_flags = (f"-Wl,--dynamic-list={exports}", f"-Wl,-Map={project.build_dir}/x.map")
    builder = Builder(project.plan())
    await builder.build()
    assert not (await builder.build()).linked  # the map is written by the link: no input of it
    exports.write_text("{ main; x; };\n")
    built = await builder.build()
    assert built.compiled == ()
    assert built.linked


async def test_hooks_are_skipped_only_when_they_can_be_known_to_be_current(
    project: HostProject,
) -> None:
    plan = project.plan()
    made, note = project.build_dir / "boot.o", project.root / "note"
    source, depfile = project.write("boot.cc", "int boot;\n"), project.build_dir / "boot.d"
    known = ("c++", "-c", "-MMD", "-MF", str(depfile), str(source), "-o", str(made))
    hooks = (Step("known", known, made, depfile=depfile), Step("blind", ("touch", str(note))))
    builder = Builder(replace(plan, prebuild=hooks))
    ran: list[list[str]] = []
    for text in ("int boot;\n", "int boot;\n", "int boot = 1;\n"):
        source.write_text(text)
        events: list[BuildEvent] = []
        await builder.build(on_event=events.append)
        ran.append([event.name for event in events if isinstance(event, StepDone)])
    assert [[name for name in step if name in ("known", "blind")] for step in ran] == [
        ["known", "blind"], [], ["known", "blind"],
    ]  # fmt: skip
    builder = Builder(replace(plan, prebuild=(Step("bad", ("false",)),)))
    with pytest.raises(StepFailed, match="bad"):
        await builder.build()


@pytest.mark.parametrize(("changed", "dirty"), [("b.h", ["main.c"]), ("a.h", ["main.c", "util.c"])])
async def test_an_input_that_changes_under_the_compiler_leaves_the_unit_dirty(
    project: HostProject, changed: str, dirty: list[str]
) -> None:
    header, trigger = project.src / changed, project.root / "trigger"
    project.compiler = script(project.root / "slowcc", f"""
cc "$@" || exit
case "$*" in *main.c*) if rm {trigger} 2>/dev/null; then echo "int more_$$(void);" >> {header}; fi;; esac
""")  # fmt: skip
    builder = Builder(project.plan())
    if changed == "a.h":  # this build has looked at it for util.c, which is current
        await builder.build()
        project.write("main.c", (project.src / "main.c").read_text() + "int more;\n")
    trigger.touch()
    assert "main.c" in names(await builder.build())
    assert not trigger.exists()
    assert names(await builder.build()) == dirty
    assert (await builder.build()).compiled == ()


async def test_a_compiler_that_comes_to_be_found_earlier_compiles_everything(
    project: HostProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.compiler = "gcc"
    await build(project)
    folder = project.root / "earlier"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    assert not (await build(project)).compiled
    compiler = script(folder / "gcc", 'exec cc "$@"')
    built = await build(project)
    assert {str(reason) for reason in built.reasons.values()} == {f"input new: {compiler}"}
    assert len(built.compiled) == 3


async def test_a_long_wait_for_another_build_is_told_once(
    project: HostProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    await build(project)
    monkeypatch.setattr(folder, "_PATIENCE_S", 0.05)
    theirs = open_lock_file(project.build_dir / ".lock")
    assert try_exclusive(theirs)
    project.write("a.h", "#define A 3\nint util(void);\n")
    events: list[BuildEvent] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(Builder(project.plan()).build, on_event=events.append))
        await wait_until(lambda: events == [Waits()])
        await trio.sleep(0.2)  # no second time
        assert events == [Waits()]
        os.close(theirs)
    assert [event.source.name for event in events if isinstance(event, UnitDone)]


async def test_a_missing_compiler_is_said_once(project: HostProject) -> None:
    project.compiler = str(project.root / "nowhere" / "cc")
    with pytest.raises(CompilerMissing, match="nowhere/cc"):
        await build(project)


async def test_a_missing_program_of_a_step_is_no_missing_compiler(project: HostProject) -> None:
    hook = Step("prebuild 1", ("no-such-generator", "x"))
    with pytest.raises(ProgramMissing, match="the step prebuild 1 names") as failure:
        await Builder(replace(project.plan(), prebuild=(hook,))).build()
    assert "install no-such-generator" in failure.value.hint


async def test_a_build_folder_that_cannot_be_is_a_typed_error(project: HostProject) -> None:
    (project.root / ".fbuild").write_text("a file in the way")
    with pytest.raises(BuildError, match="the system refused") as failure:
        await build(project)
    assert failure.value.hint
    (project.root / ".fbuild").unlink()
    project.build_dir.mkdir(parents=True)
    (project.build_dir / "obj").write_text("a file in the way")
    with pytest.raises(BuildError, match=r"src/lib_x\.c: the system refused"):
        await build(project)


async def test_a_compiler_that_makes_nothing_has_failed(project: HostProject) -> None:
    project.compiler = "true"
    with pytest.raises(CompileFailed) as failure:
        await build(project)
    assert "made no" in failure.value.diagnostics


@pytest.mark.parametrize("damage", [b"", b"not a store", b"\x95\x01\x90\x90\x90", None])
async def test_a_damaged_store_or_object_costs_work_but_is_no_error(
    project: HostProject, damage: bytes | None
) -> None:
    elf = (await build(project)).elf
    before = elf.read_bytes()
    if damage is None:
        (project.build_dir / "obj" / "main.c.o").write_bytes(b"half")
        expected = ["main.c"]
    else:
        (project.build_dir / ".records").write_bytes(damage)
        expected = ["lib_x.c", "main.c", "util.c"]
    assert names(await build(project)) == expected
    assert elf.read_bytes() == before


async def test_a_copied_project_leaves_its_original_alone(
    project: HostProject, tmp_path: Path
) -> None:
    await build(project)
    objects = sorted((project.build_dir / "obj").iterdir())
    copy = HostProject(tmp_path / "copy")
    two_units(copy)
    copy.build_dir.mkdir(parents=True)
    (copy.build_dir / ".records").write_bytes((project.build_dir / ".records").read_bytes())
    assert len((await build(copy)).compiled) == 3
    assert sorted((project.build_dir / "obj").iterdir()) == objects
    assert (await build(project)).compiled == ()


async def test_a_link_that_is_too_long_for_the_system_names_its_files_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = HostProject(tmp_path / 'a "folder\'s" name \\ $x')
    two_units(project)
    elf = (await build(project)).elf.read_bytes()
    monkeypatch.setattr(response, "LIMIT", 10)
    project.link_flags = ("-Wl,--no-undefined",)
    assert (await build(project)).linked
    assert (project.build_dir / "firmware.elf").read_bytes() == elf
    assert (project.build_dir / ".firmware.elf.words").is_file()
    assert (await Builder(project.plan()).sizes()).now.files


@pytest.mark.skipif(sys.platform != "linux", reason="Linux takes 128 KiB in one word")
async def test_a_command_that_cannot_be_shortened_is_said_to_be_too_long(
    project: HostProject,
) -> None:
    project.flags = (f"-D{'X' * (1 << 18)}",)
    with pytest.raises(BuildError, match=r"bytes of words are too many") as failure:
        await build(project)
    assert failure.value.hint == "shorten what it is told, or its paths"


async def test_colours_do_not_make_another_object(project: HostProject) -> None:
    project.write("util.c", "#warning colourful\nint util(void) { return 1; }\n")
    events: list[BuildEvent] = []
    await Builder(project.plan(), colours=True).build(on_event=events.append)
    words = "".join(event.output for event in events if isinstance(event, UnitDone))
    assert "\x1b[" in words
    assert (await Builder(project.plan(), colours=False).build()).compiled == ()


async def test_compile_commands_is_written_only_when_it_changes(project: HostProject) -> None:
    path = project.build_dir / "compile_commands.json"
    await build(project)
    before = path.stat()
    assert '"-MMD"' in path.read_text()
    await build(project)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    project.flags = ("-O2",)
    await build(project)
    assert '"-O2"' in path.read_text()
    (project.src / "lib_x.c").rename(project.src / "lib_z.c")
    await build(project)
    assert "lib_z.c" in path.read_text()
    assert "lib_x.c" not in path.read_text()
    path.write_text("[]")
    await build(project)
    assert "lib_z.c" in path.read_text()


async def test_inputs_names_headers_outside_the_tree_but_no_tools(
    project: HostProject, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.h"
    outside.write_text("#define O 1\n")
    project.write("b.h", f'#include "{outside}"\n#define B O\n')
    builder = Builder(project.plan())
    await builder.build()
    own = {project.src / name for name in ("a.h", "b.h", "main.c", "util.c", "lib_x.c")}
    assert builder.inputs() == {*own, outside}


async def test_cancel_ends_all_processes_and_leaves_no_half_object(project: HostProject) -> None:
    await build(project)
    good = (project.build_dir / "obj" / "main.c.o").read_bytes()
    pids = project.root / "pids"
    project.compiler = script(project.root / "slowcc", f"""
for last; do :; done
echo half > "$last"
(trap '' TERM; echo $(sh -c 'echo $PPID') >> {pids}; sleep 600) &
echo $$ >> {pids}
wait""")  # fmt: skip
    builder = Builder(project.plan(), jobs=2)
    with trio.move_on_after(20) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_when, scope, lambda: len(_numbers(pids)) >= 4)
            await builder.build()
    assert scope.cancelled_caught
    await wait_until(lambda: all(_gone(pid) for pid in _numbers(pids)))
    assert (project.build_dir / "obj" / "main.c.o").read_bytes() == good
    assert not list(project.build_dir.rglob("*.previous"))
    project.compiler = "cc"
    assert (await build(project)).compiled == ()


async def test_compilers_die_when_we_are_killed(project: HostProject, tmp_path: Path) -> None:
    pids = project.root / "pids"
    project.compiler = script(project.root / "slowcc",
                              f"echo $$ >> {pids}; sleep 600 & echo $! >> {pids}; wait")  # fmt: skip
    code = f"""
import sys, trio
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from tests.real.build_kit import HostProject
from fbuild_watch.build import Builder
trio.run(Builder(HostProject(Path({str(project.root)!r}), compiler={project.compiler!r}).plan()).build)
"""
    child = await trio.lowlevel.open_process([sys.executable, "-c", code])
    await wait_until(lambda: len(_numbers(pids)) >= 2)
    child.kill()
    await child.wait()
    await wait_until(lambda: all(_gone(pid) for pid in _numbers(pids)))


async def _cancel_when(scope: trio.CancelScope, ready: Callable[[], bool]) -> None:
    await wait_until(ready)
    scope.cancel()


def _numbers(path: Path) -> list[int]:
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def _gone(pid: int) -> bool:
    """Whether a process is dead, or a zombie that nobody reaps."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def test_a_generated_source_is_compiled_once_and_comes_back(project: HostProject) -> None:
    plan = project.plan()
    place = project.build_dir / "made" / "more.c"
    unit = project._unit(place)
    object_file = project.build_dir / "obj" / "more.c.o"
    plan = replace(
        plan,
        generated=(GeneratedFile(place, b"int more;\n"),),
        units=(*plan.units, replace(unit, object=object_file)),
    )
    assert "more.c" in names(await Builder(plan).build())
    assert names(await Builder(plan).build()) == []
    place.unlink()
    assert names(await Builder(plan).build()) == []
    assert place.read_bytes() == b"int more;\n"
