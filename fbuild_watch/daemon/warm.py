"""The pipelines of projects that nobody watches: warm for their next build, as many as may be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fbuild_watch.daemon.turns import Turns
from fbuild_watch.pipeline import Pipeline

MOST = 8
"""Each has what it knows of its project in memory: some tens of megabytes for thousands of sources."""

Key = tuple[str, str | None]
"""A project's real folder, and the environment that was asked for."""


class WarmPipelines:
    """One for each project and environment, for one build at a time."""

    def __init__(self) -> None:
        self._turns: Turns[Key] = Turns()
        self._idle: dict[Key, Pipeline] = {}
        """The longest unused one first."""

    def __len__(self) -> int:
        """How many wait for their next build."""
        return len(self._idle)

    @asynccontextmanager
    async def of(self, project: str, environment: str | None) -> AsyncIterator[Pipeline]:
        """Have a project's pipeline for the length of the block."""
        key = project, environment
        async with self._turns.at(key):
            pipeline = self._idle.pop(key, None) or Pipeline(Path(project), environment)
            try:
                yield pipeline
            finally:
                self._idle[key] = pipeline
                while len(self._idle) > MOST:
                    self._idle.pop(next(iter(self._idle))).close()
