"""The project on disk: platformio.ini to an Environment, an Environment to a BuildPlan.

Pure but for reading files; nothing here runs a command or writes. Here is what every command needs of a
project; who builds it has planner.py, and pays for its import.
"""

from fbuild_watch.project.config import FILE_NAME
from fbuild_watch.project.kinds import environments, foreign_plan, is_project, load

__all__ = [
    "FILE_NAME",
    "environments",
    "foreign_plan",
    "is_project",
    "load",
]
