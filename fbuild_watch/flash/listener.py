"""What the caller of a flash visit may want to know while it runs. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fbuild_watch.model import Device


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step is. `total` is 0 where it is not known."""

    step: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Listener:
    """What a caller may want to know while a session runs. Called in the session's thread."""

    device: Callable[[Device], None] = lambda _device: None
    erasing: Callable[[], None] = lambda: None
    """Called once, just before the first erase: from here on there is no way back."""
    progress: Callable[[Progress], None] = lambda _progress: None
    check_cancelled: Callable[[], None] = lambda: None
    """Raises to end the session. Not called any more once `erasing` was."""
