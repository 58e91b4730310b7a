"""Opening a port by its name: which kind it is, and nothing more."""

from __future__ import annotations

import sys

from fbuild_watch.serial.line_policy import OFF, Rest
from fbuild_watch.serial.port import Port


async def open_port(url: str, baud: int, rest: Rest = OFF) -> Port:
    """Open `url`: a device path, `rfc2217://HOST:PORT` or `socket://HOST:PORT`, at `baud` bits/s.

    `rest` is how DTR and RTS are while nobody moves them, from the start: attaching does not reset
    the board. Nobody else can open a device meanwhile. The caller closes it (`Port.aclose`).

    Raises: PortNotFound, PortBusy (with the holder's pid and command where the system tells),
    PortDenied, PortUnusable.
    """
    if "://" in url:
        from fbuild_watch.serial.port_tcp import open_tcp

        return await open_tcp(url, baud, rest)
    if sys.platform == "win32":
        from fbuild_watch.serial.port_windows import open_device
    else:
        from fbuild_watch.serial.port_posix import open_device
    return await open_device(url, baud, rest)
