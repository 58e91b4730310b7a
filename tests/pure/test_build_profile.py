"""The dev profile: what is left out of a recipe, and that nothing else is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fbuild_watch.build.profile import uses_lto, without_lto
from fbuild_watch.model import BuildPlan, Environment, FlashSettings, Step, TranslationUnit

B = Path("/p/.fbuild/build/uno")


def plan_of(compile_flags: tuple[str, ...], link_flags: tuple[str, ...]) -> BuildPlan:
    unit = TranslationUnit(
        Path("/p/a.c"), B / "a.o", B / "a.d", ("avr-gcc", *compile_flags, "-c", "/p/a.c")
    )
    return BuildPlan(
        environment=Environment("uno", Path("/p"), Path("/p/src"), B, "arduino:avr:uno"),
        chip=None,
        prebuild=(Step("hook", ("python3", "-flto.py")),),
        units=(unit,),
        archives=(Step("core.a", ("avr-gcc-ar", "rcs", "core.a")),),
        link=Step("link", ("avr-gcc", *link_flags, "-o", "x.elf"), B / "x.elf"),
        elf=B / "x.elf",
        flash=FlashSettings(),
    )


def test_an_avr_recipe_loses_lto_and_nothing_else() -> None:
    plan = plan_of(
        (
            "-g",
            "-Os",
            "-ffunction-sections",
            "-flto",
            "-fno-fat-lto-objects",
            "-flto-partition=none",
        ),
        ("-Os", "-flto", "-fuse-linker-plugin", "-Wl,--gc-sections", "-flto=auto"),
    )
    assert uses_lto(plan)
    dev = without_lto(plan)
    assert not uses_lto(dev)
    assert dev.units[0].argv == (
        "avr-gcc", "-g", "-Os", "-ffunction-sections", "-c", "/p/a.c",
    )  # fmt: skip
    assert dev.link.argv == ("avr-gcc", "-Os", "-Wl,--gc-sections", "-o", "x.elf")
    assert dev.prebuild == plan.prebuild
    assert dev.archives == plan.archives
    undone = replace(dev, units=plan.units, link=plan.link)
    assert undone == plan


@pytest.mark.parametrize("flags", [(), ("-Os",), ("-flto", "-fno-lto"), ("-fltoo",)])
def test_a_recipe_without_lto_is_itself(flags: tuple[str, ...]) -> None:
    plan = plan_of(flags, ())
    assert without_lto(plan) is plan
