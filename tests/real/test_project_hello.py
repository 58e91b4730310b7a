"""The example project through project, build and image, with every toolchain that is installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fbuild_watch import image, project
from fbuild_watch.build import Builder, Built
from fbuild_watch.errors import CompilerMissing
from fbuild_watch.model import BuildPlan
from fbuild_watch.project import planner

EXAMPLE = Path(__file__).parents[2] / "examples" / "hello-c3"
BOARD = "bare:esp32c3:devkit"


@pytest.fixture(params=["espgcc", "gcc", "zig"])
def toolchain(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def copied(folder: Path, toolchain: str) -> BuildPlan:
    """A plan for a copy of the example; skips the test where its toolchain is not installed."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".fbuild"))
    ini = folder / "platformio.ini"
    text = ini.read_text()
    assert f"board = {BOARD}\n" in text
    ini.write_text(text.replace(f"board = {BOARD}\n", f"board = {BOARD}:toolchain={toolchain}\n"))
    try:
        return planner.plan(project.load(folder))
    except CompilerMissing as error:
        pytest.skip(str(error))


def outputs(plan: BuildPlan) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in plan.environment.build_dir.glob("*.bin")}


def names(built: Built) -> list[str]:
    return [source.name for source in built.compiled]


async def test_two_folders_make_the_same_images(tmp_path: Path, toolchain: str) -> None:
    plans = [copied(tmp_path / name, toolchain) for name in ("one", "another longer name")]
    for plan in plans:
        await Builder(plan, colours=True).build()
        image.make(plan)
    assert outputs(plans[0]) == outputs(plans[1])
    assert outputs(plans[0]).keys() == {"firmware.bin", "bootloader.bin", "partitions.bin"}


async def test_an_edit_costs_its_own_units(tmp_path: Path, toolchain: str) -> None:
    plan = copied(tmp_path / "p", toolchain)
    builder = Builder(plan)
    first = await builder.build()
    assert len(first.compiled) == len(plan.units)
    made = image.make(plan)
    again = await builder.build()
    assert (again.compiled, again.linked) == ((), False)
    header = plan.environment.src_dir / "greeting.h"
    header.write_text(header.read_text().replace("hello", "good day"))
    assert names(await builder.build()) == ["main.cpp"]
    changed = image.make(plan)
    assert b"good day" in changed.regions[2].data
    assert changed.regions[:2] == made.regions[:2]
    script = next(plan.environment.project_dir.rglob("esp32c3_app.ld"))
    script.write_text(script.read_text() + "/* more words */\n")
    relinked = await builder.build()
    assert (relinked.compiled, relinked.linked) == ((), True)
    assert image.make(plan) == changed


async def test_the_bootloader_is_made_again_when_its_source_changes(
    tmp_path: Path, toolchain: str
) -> None:
    plan = copied(tmp_path / "p", toolchain)
    builder = Builder(plan)
    await builder.build()
    made = image.make(plan)
    source = next(plan.environment.project_dir.rglob("bootloader.c"))
    text = source.read_text()
    assert '"boot: "' in text
    source.write_text(text.replace('"boot: "', '"start: "'))
    built = await builder.build()
    assert (built.compiled, built.linked) == ((), False)
    again = image.make(plan)
    assert [old != new for old, new in zip(made.regions, again.regions, strict=True)] == [
        True, False, False,
    ]  # fmt: skip
    assert source in builder.inputs()
