"""The dev profile: a recipe without link-time optimisation. Pure.

LTO moves the work of every unit into the link: on AVR it is four fifths of what an edit costs.
Everything else of the recipe stays, so that dev and release differ in size and speed only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fbuild_watch.model import BuildPlan, Step

_LTO = ("-flto", "-fno-lto", "-ffat-lto-objects", "-fno-fat-lto-objects")
_PLUGIN = ("-fuse-linker-plugin", "-fno-use-linker-plugin")


def uses_lto(plan: BuildPlan) -> bool:
    """Whether the recipe optimises at link time."""
    return any(_asks_for_lto(unit.argv) for unit in plan.units)


def without_lto(plan: BuildPlan) -> BuildPlan:
    """The plan with LTO left out of every command that has it; the same object if none has."""
    if not uses_lto(plan):
        return plan
    return replace(
        plan,
        units=tuple(replace(unit, argv=_plain(unit.argv)) for unit in plan.units),
        prebuild=_plain_steps(plan.prebuild),
        core_hooks=_plain_steps(plan.core_hooks),
        archives=_plain_steps(plan.archives),
        link=replace(plan.link, argv=_plain(plan.link.argv)),
        finish=_plain_steps(plan.finish),
    )


def _plain_steps(steps: Sequence[Step]) -> tuple[Step, ...]:
    return tuple(replace(step, argv=_plain(step.argv)) for step in steps)


def _asks_for_lto(argv: Sequence[str]) -> bool:
    """The last of -flto and -fno-lto counts."""
    words = [word for word in argv if word.partition("=")[0] in ("-flto", "-fno-lto")]
    return bool(words) and words[-1] != "-fno-lto"


def _plain(argv: tuple[str, ...]) -> tuple[str, ...]:
    if not any(word.startswith("-f") for word in argv):
        return argv
    return tuple(word for word in argv if not _is_lto(word))


def _is_lto(word: str) -> bool:
    name = word.partition("=")[0]
    return name in _LTO or name.startswith("-flto-") or word in _PLUGIN
