"""The project on disk: platformio.ini to an Environment, an Environment to a BuildPlan.

Pure but for reading files; nothing here runs a command or writes.
"""

from fbuild_watch.project.config import FILE_NAME
from fbuild_watch.project.kinds import environments, foreign_plan, is_project, load
from fbuild_watch.project.plan import Planner, board_name, is_outdated, plan
from fbuild_watch.project.runtime import lenders

__all__ = [
    "FILE_NAME",
    "Planner",
    "board_name",
    "environments",
    "foreign_plan",
    "is_outdated",
    "is_project",
    "lenders",
    "load",
    "plan",
]
