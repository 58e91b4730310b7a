"""Who types to a board: one at a time, by name. Pure.

Whoever takes over, gets the seat until it leaves; then the one before has it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fbuild_watch.errors import WriterBusy


@dataclass(eq=False, frozen=True, slots=True)
class Writer:
    """Somebody who types, or would. Two may have the same name."""

    name: str


class Seat:
    """The right to type to one board."""

    def __init__(self, changed: Callable[[str | None], None] = lambda _name: None) -> None:
        """`changed` is told the name of each new writer."""
        self._changed = changed
        self._stack: list[Writer] = []

    @property
    def writer(self) -> Writer | None:
        """Who has it."""
        return self._stack[-1] if self._stack else None

    @property
    def name(self) -> str | None:
        """Who has it, in words."""
        return self.writer.name if self.writer else None

    def ask(
        self,
        asking: Writer,
        wish: Literal["no", "if-free", "yes"],
        take_from: str | None,
        port: str = "",
    ) -> bool:
        """Take it, if that is wished and may be; whether `asking` has it now.

        `take_from` names the one who is to give way. Raises WriterBusy for "yes" in vain.
        """
        holder = self.name
        free = holder is None or holder == take_from
        if wish == "no" and take_from is None:
            return False
        if free:
            self._stack.append(asking)
            self._changed(asking.name)
        elif wish == "yes" or take_from is not None:
            raise WriterBusy(port, holder or "")
        return free

    def leave(self, leaving: Writer) -> None:
        """Give it back; one who does not have it: does nothing."""
        before = self.writer
        self._stack = [writer for writer in self._stack if writer is not leaving]
        if self.writer is not before:
            self._changed(self.name)

    def check(self, asking: Writer, port: str = "") -> None:
        """Raises WriterBusy unless `asking` may type."""
        if self.writer is not asking:
            raise WriterBusy(port, self.name or "nobody")
