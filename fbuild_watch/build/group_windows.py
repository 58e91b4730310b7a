"""The processes of a build on Windows: each is ended by itself.

Not done here: a compiler's own children, and the death of this process, end nothing else (that
takes a job object).
"""

from __future__ import annotations

from typing import Any


class ProcessGroup:
    """The same face as group_posix.ProcessGroup; processes have no group to be signalled by."""

    def options(self) -> dict[str, Any]:
        """What to give to Popen."""
        return {}

    def terminate(self) -> None:
        """Nothing: the runner ends the process that it waits for."""

    def kill(self) -> None:
        """Nothing: the runner ends the process that it waits for."""
