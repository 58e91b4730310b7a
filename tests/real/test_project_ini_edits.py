"""Which edits of platformio.ini cost a compile: those that reach a compiler's command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from fbuild_watch.errors import CompilerMissing
from fbuild_watch.model import BuildPlan, BuildReport
from fbuild_watch.pipeline import Pipeline

IDLE = {
    "a comment": "; a note\n[env:devkit]",
    "a port and rates": "[env:devkit]\nupload_port = /dev/x\nupload_speed = 460800\nmonitor_port = x",
    "the console": "[env:devkit]\nmonitor_filters = time\nmonitor_eol = LF",
    "unknown and own options": "[env:devkit]\nmonitr = x\ncustom_own = y",
    "another environment": "[env:other]\nboard = x\nbuild_flags = -DX\n[env:devkit]",
    "the same flags from elsewhere": "[common]\nflags =\n[env:devkit]\nbuild_flags = ${common.flags}",
    "tests and debuggers": "[env:devkit]\ntest_framework = unity\ndebug_tool = x\nextra_scripts = a.py",
    "a script and its name": "[platformio]\nname = n\ndescription = d\n[env:devkit]",
}


async def built(pipeline: Pipeline) -> BuildReport:
    try:
        return await pipeline.build()
    except CompilerMissing as error:
        pytest.skip(str(error))


async def test_an_edit_that_reaches_no_compiler_costs_nothing(project: Path) -> None:
    ini = project / "platformio.ini"
    text = "[env:devkit]\nboard = bare:esp32c3:devkit\n"
    ini.write_text(text)
    warm = Pipeline(project, "devkit")
    first = await built(warm)
    assert first.compiled
    for what, change in IDLE.items():
        ini.write_text(text.replace("[env:devkit]", change))
        for pipeline in (warm, Pipeline(project, "devkit")):
            report = await pipeline.build()
            assert (report.compiled, report.linked) == ((), False), what
            assert report.image == first.image


async def test_a_flag_costs_the_units_whose_command_it_is_in(project: Path) -> None:
    ini = project / "platformio.ini"
    pipeline = Pipeline(project, "devkit")
    await built(pipeline)
    plan = pipeline.plan
    assert isinstance(plan, BuildPlan)
    own = {unit.source for unit in plan.units if unit.source.is_relative_to(project / "src")}
    assert own < {unit.source for unit in plan.units}
    ini.write_text(ini.read_text() + "build_src_flags = -DONLY_OURS\n")
    assert set((await pipeline.build()).compiled) == own
    ini.write_text(ini.read_text() + "build_flags = -DALL\n")
    assert set((await pipeline.build()).compiled) == {unit.source for unit in plan.units}


async def test_what_is_not_done_is_said_once(project: Path) -> None:
    ini = project / "platformio.ini"
    ini.write_text(ini.read_text() + "extra_scripts = pre:x.py\nmonitr_speed = 1\n")
    pipeline, said = Pipeline(project, "devkit"), list[str]()
    pipeline.say = said.append
    await built(pipeline)
    await pipeline.build()
    assert [words.partition("platformio.ini:")[2].split(" ")[1] for words in said] == [
        "monitr_speed", "extra_scripts",
    ]  # fmt: skip
