"""One silent logger for esptool, whose own logger is process-wide and prints to our stdout.

The two users of esptool (`image/esp.py`, `flash/session.py`) call `silence` before they use it.
Importing this module does not import esptool.
"""

from __future__ import annotations

import functools
from typing import Any


@functools.cache
def silence() -> None:
    """Replace esptool's logger by one that says nothing. Once for the life of the process."""
    from esptool.logger import log  # noqa: F401  (esptool installs its own logger on import)
    from esp_pylib.logger import EspLog, EspLogBase  # isort: skip

    def nothing(*_args: Any, **_kwargs: Any) -> None:
        return None

    members = dict.fromkeys(EspLogBase.__abstractmethods__, nothing)
    EspLog.set_logger(type("SilentLog", (EspLogBase,), members)())
