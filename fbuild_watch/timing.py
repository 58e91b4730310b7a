"""The phase times of a pass, collected as they come in. Pure: the caller brings the clock's time."""

from __future__ import annotations

from collections.abc import Mapping


class PassTimes:
    """From a save to the first byte of the new firmware."""

    def __init__(self) -> None:
        self.phases: dict[str, float] = {}
        self._edited_at: float | None = None
        self._released_at: float | None = None

    def edited(self, at: float) -> None:
        """A change was seen. The first of several that one build answers counts."""
        if self._edited_at is None:
            self._edited_at = at

    def build_started(self, at: float) -> None:
        """A new pass begins with the build."""
        edited_at = at if self._edited_at is None else self._edited_at
        self.phases = {"seen": at - edited_at}
        self._edited_at = self._released_at = None

    def add(self, phases: Mapping[str, float]) -> None:
        """What a stage has measured itself."""
        self.phases.update(phases)

    def released(self, at: float) -> None:
        """The image was proven: from here on the board is on its way to its first byte."""
        self._released_at = at

    def first_byte(self, at: float) -> bool:
        """The board has said something. Whether it was its first word after a flash."""
        if self._released_at is None:
            return False
        self.phases["first_byte"] = max(0.0, at - self._released_at)
        self._released_at = None
        return True
