"""The build: a BuildPlan to an ELF, doing only what a change asks for.

graph.py (pure) says what is dirty and why; engine.py has it done.
"""

from fbuild_watch.build.engine import Builder
from fbuild_watch.build.events import BuildEvent, Built, Started, StepDone, UnitDone

__all__ = ["BuildEvent", "Builder", "Built", "Started", "StepDone", "UnitDone"]
