"""rfc2217:// for an unmodified esptool, over our own client.

pyserial's client sleeps 50 ms after each setting it sends, and esptool changes settings around most
commands: 0.2 s a command. A comparison on it would measure pyserial, so both sides get our port.
"""

from __future__ import annotations

from typing import Any

import trio

from fbuild_watch.serial import open_port


class Serial:
    """Looks like a `serial.Serial`; opened by `open`, like pyserial's own."""

    def __init__(self, _port: None = None, **_settings: Any) -> None:
        object.__setattr__(self, "_face", None)
        object.__setattr__(self, "_url", "")

    def open(self) -> None:
        """Connect."""
        object.__setattr__(self, "_owner", trio.run(open_port, self._url, 115200))
        object.__setattr__(self, "_face", self._owner.blocking())

    def close(self) -> None:
        """Disconnect."""
        trio.run(self._owner.aclose)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._face, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "port":
            object.__setattr__(self, "_url", value)
        else:
            setattr(self._face, name, value)
