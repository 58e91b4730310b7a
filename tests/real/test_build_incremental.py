"""However files were edited, an incremental build makes the ELF that a clean build makes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from fbuild_watch.build import Builder
from fbuild_watch.errors import BuildError
from tests.real.build_kit import HostProject

NAMES = ("main", "lib_a", "lib_b", "extra")
HEADERS = ("one.h", "two.h")

edits = st.one_of(
    st.tuples(st.just("header"), st.sampled_from(HEADERS), st.integers(0, 2)),
    st.tuples(st.just("source"), st.sampled_from(NAMES), st.integers(0, 2)),
    st.tuples(st.just("includes"), st.sampled_from(NAMES), st.sampled_from(HEADERS)),
    st.tuples(st.just("delete"), st.sampled_from(NAMES[1:]), st.just(0)),
    st.tuples(st.just("break"), st.sampled_from(NAMES), st.just(0)),
    st.tuples(st.just("flag"), st.just(""), st.integers(0, 1)),
    st.tuples(st.just("restart"), st.just(""), st.just(0)),
)


def apply(project: HostProject, what: str, name: str, value: object) -> None:
    """Make one edit, as a person would."""
    source = project.src / f"{name}.c"
    entry = "main" if name == "main" else f"f_{name}"
    if what == "header":
        project.write(name, f"#define VALUE_{name[:3]} {value}\n")
    elif what == "source":
        source.write_text(f"int {entry}(void) {{ return {value}; }}\n")
    elif what == "includes":
        source.write_text(
            f'#include "{value}"\nint {entry}(void) {{ return VALUE_{str(value)[:3]}; }}\n'
        )
    elif what == "delete":
        source.unlink(missing_ok=True)
    elif what == "break":
        source.write_text("int broken(\n")
    elif what == "flag":
        project.flags = ("-O0", f"-DFLAG={value}")


async def result(project: HostProject, builder: Builder) -> bytes | None:
    """The ELF's bytes; None where the build fails, as it should for these sources."""
    try:
        return (await builder.build()).elf.read_bytes()
    except BuildError:
        return None


async def scenario(root: Path, steps: list[list[tuple[str, str, object]]]) -> None:
    project = HostProject(root)
    for header in HEADERS:
        apply(project, "header", header, 1)
    for name in NAMES:
        apply(project, "source", name, 1)
    builder = Builder(project.plan(), jobs=2)
    for step in steps:
        for edit in step:
            apply(project, *edit)
        plan = project.plan()
        if plan != builder.plan or ("restart", "", 0) in step:
            builder = Builder(plan, jobs=2)
        incremental = await result(project, builder)
        kept = root / "kept"
        project.build_dir.replace(kept)
        assert await result(project, Builder(plan, jobs=2)) == incremental
        shutil.rmtree(project.build_dir)
        kept.replace(project.build_dir)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.lists(edits, min_size=1, max_size=3), min_size=1, max_size=4))
def test_incremental_is_clean(steps: list[list[tuple[str, str, object]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        trio.run(scenario, Path(folder), steps)
