"""The build: a BuildPlan to an ELF, doing only what a change asks for.

graph.py (pure) says what is dirty and why; engine.py has it done. foreign.py has a project's own
build program do it.
"""

from fbuild_watch.build.cache import user_cache
from fbuild_watch.build.engine import Builder
from fbuild_watch.build.events import (
    BuildEvent,
    Built,
    Grounds,
    Started,
    StepDone,
    UnitDone,
    Waits,
)
from fbuild_watch.build.failures import refused
from fbuild_watch.build.foreign import ForeignBuilder
from fbuild_watch.build.graph import Reason
from fbuild_watch.build.profile import without_lto
from fbuild_watch.build.size import SizeReport, Sizes, check_fits, program_size

__all__ = [
    "BuildEvent",
    "Builder",
    "Built",
    "ForeignBuilder",
    "Grounds",
    "Reason",
    "SizeReport",
    "Sizes",
    "Started",
    "StepDone",
    "UnitDone",
    "Waits",
    "check_fits",
    "program_size",
    "refused",
    "user_cache",
    "without_lto",
]
