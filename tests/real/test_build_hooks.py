"""Hooks of which nobody knows what they read and make: when they run, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fbuild_watch.build import Builder, BuildEvent, Built, StepDone
from fbuild_watch.errors import StepFailed
from fbuild_watch.model import BuildPlan, Step
from tests.real.build_kit import HostProject


@pytest.fixture
def project(tmp_path: Path) -> HostProject:
    """main.c, which includes made.h; that is made of src/value by a hook."""
    project = HostProject(tmp_path / "project")
    project.flags = ("-O0", f"-I{project.build_dir}")
    project.write("main.c", '#include "made.h"\nint main(void) { return VALUE; }\n')
    project.write("value", "#define VALUE 1\n")
    return project


def planned(
    project: HostProject, prebuild: Sequence[Step] = (), finish: Sequence[Step] = ()
) -> BuildPlan:
    text = f'cat "{project.src}"/value > {project.build_dir}/made.h'
    made = Step("made", ("sh", "-c", text))
    return replace(project.plan(), prebuild=(made, *prebuild), finish=tuple(finish))


async def ran(builder: Builder, changed: set[Path] | None = None) -> tuple[list[str], Built]:
    events: list[BuildEvent] = []
    built = await builder.build(changed=changed, on_event=events.append)
    builder.settle([builder.plan.environment.src_dir])
    return [event.name for event in events if isinstance(event, StepDone)], built


@pytest.mark.parametrize("hinted", [False, True])
async def test_a_hook_runs_with_whatever_is_built_and_not_alone(
    project: HostProject, hinted: bool
) -> None:
    note = project.root / "note"
    plan = planned(project, finish=[Step("note", ("touch", str(note)))])
    builder = Builder(plan)

    def told(*paths: Path) -> set[Path] | None:
        return set(paths) if hinted else None

    assert (await ran(builder))[0] == ["made", "link", "note"]
    assert (await ran(builder, told()))[0] == []
    assert (await ran(Builder(plan)))[0] == []
    main = project.write("main.c", (project.src / "main.c").read_text() + "int more;\n")
    assert (await ran(builder, told(main)))[0] == ["made", "link", "note"]
    assert (await ran(builder, told()))[0] == []


@pytest.mark.parametrize("hinted", [False, True])
async def test_what_a_hook_has_written_counts_in_the_same_build(
    project: HostProject, hinted: bool
) -> None:
    builder = Builder(planned(project))
    before = (await ran(builder))[1].elf.read_bytes()
    value = project.write("value", "#define VALUE 2\n")
    steps, built = await ran(builder, {value} if hinted else None)
    assert steps == ["made", "link"]
    assert [path.name for path in built.compiled] == ["main.c"]
    assert built.elf.read_bytes() != before
    assert (await ran(builder))[0] == []


async def test_what_is_taken_back_after_the_units_is_no_change(project: HostProject) -> None:
    """A hook writes words for the compiler, one behind the units empties them (as ESP32's core)."""
    words = project.build_dir / "words"
    project.flags = (*project.flags, f"@{words}")
    write, empty = (Step(name, ("sh", "-c", f"{text} > {words}"))
                    for name, text in (("write", "echo -DCORE"), ("empty", ":")))  # fmt: skip
    plan = planned(project, [write])
    plan = replace(plan, archives=(empty, *plan.archives))
    builder = Builder(plan)
    assert (await ran(builder))[0] == ["made", "write", "empty", "link"]
    main = project.src / "main.c"
    assert (await ran(builder, {main}))[0] == []
    main.write_text(main.read_text() + "int more = CORE;\n")
    steps, built = await ran(builder, {main})
    assert steps == ["made", "write", "empty", "link"]
    assert [path.name for path in built.compiled] == ["main.c"]
    assert (await ran(builder, {main}))[0] == []
    project.write("other.c", "int other;\n")
    builder.adopt(replace(project.plan(), prebuild=plan.prebuild, archives=plan.archives))
    assert [path.name for path in (await ran(builder))[1].compiled] == ["other.c"]
    words.write_text("-DOTHER")
    assert (await ran(builder, {words}))[0] == ["made", "write", "empty"]


async def test_hooks_of_the_core_hold_for_its_units_only(project: HostProject) -> None:
    words = project.build_dir / "words"
    project.flags = (*project.flags, f"@{words}")
    project.write("core.c", "#ifndef CORE\n#error not the core\n#endif\nint core;\n")
    main = project.write("main.c", "#ifdef CORE\n#error the core\n#endif\nint main(void) {}\n")
    first, write, empty = (Step(name, ("sh", "-c", f"{text} > {words}"))
                           for name, text in (("first", ":"), ("write", "echo -DCORE"), ("empty", ":")))  # fmt: skip
    plain = project.plan()
    plan = replace(plain, prebuild=(first,), core_hooks=(write,), core_units=1,
                   archives=(empty, *plain.archives))  # fmt: skip
    builder = Builder(plan)
    steps, built = await ran(builder)
    assert steps == ["first", "write", "empty", "link"]
    assert [path.name for path in built.compiled] == ["main.c", "core.c"]
    assert (await ran(builder, {main}))[0] == []
    main.write_text(main.read_text() + "int more;\n")
    steps, built = await ran(builder, {main})
    assert steps == ["first", "write", "empty", "link"]
    assert [path.name for path in built.compiled] == ["main.c"]
    assert [path.name for path in (await ran(Builder(plan)))[1].compiled] == []


async def test_a_hook_that_did_not_come_to_its_turn_runs_in_the_next_build(
    project: HostProject,
) -> None:
    gate, note = project.root / "gate", project.root / "note"
    fails = Step("fails", ("sh", "-c", f"! test -e {gate}"))
    plan = planned(project, finish=[fails, Step("note", ("touch", str(note)))])
    assert (await ran(Builder(plan)))[0] == ["made", "link", "fails", "note"]
    gate.touch()
    with pytest.raises(StepFailed):
        await ran(Builder(plan))
    project.write("main.c", (project.src / "main.c").read_text() + "int more;\n")
    with pytest.raises(StepFailed):
        await ran(Builder(plan))
    gate.unlink()
    assert (await ran(Builder(plan)))[0] == ["made", "fails", "note"]
    assert (await ran(Builder(plan)))[0] == []


async def test_a_script_that_a_hook_has_made_is_an_input_of_the_link(project: HostProject) -> None:
    script = project.build_dir / "made.ld"
    source = project.write("symbols", "symbol = 1; INSERT AFTER .text;\n")
    hook = Step("script", ("sh", "-c", f"cp {source} {script}"))
    project.link_flags = (f"-Wl,-T,{script}",)
    plan = planned(project, [hook])
    before = (await ran(Builder(plan)))[1].elf.read_bytes()
    assert (await ran(Builder(plan)))[0] == []
    source.write_text("symbol = 2; INSERT AFTER .text;\n")
    steps, built = await ran(Builder(plan))
    assert steps == ["made", "script", "link"]
    assert not built.compiled
    assert built.elf.read_bytes() != before
    assert (await ran(Builder(plan)))[0] == []


async def test_the_reason_says_that_it_goes_with_the_build(project: HostProject) -> None:
    built = (await ran(Builder(planned(project))))[1]
    assert str(built.reasons["made"]) == "with the build"
