"""Where pyserial's and the system's exceptions become ours, and nowhere else.

Three things can fail: opening a device (`opening`), connecting to a server (`connecting`) and using
an open port (`using`). Everything foreign that leaves them is a PortError: what is not known better
is PortUnusable while opening, PortNotFound while connecting and PortLost afterwards.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fbuild_watch.errors import (
    PortBusy,
    PortDenied,
    PortError,
    PortLost,
    PortNotFound,
    PortUnusable,
)
from fbuild_watch.serial.holders import find_holder
from fbuild_watch.serial.ports import list_ports

if sys.platform == "win32":
    FOREIGN: tuple[type[Exception], ...] = (OSError, ValueError, OverflowError)
else:
    import termios

    FOREIGN = (OSError, ValueError, OverflowError, termios.error)
"""What pyserial lets out: its SerialException is an OSError, a wrong setting a ValueError, and a
speed that no integer of the system holds an OverflowError."""

_ABSENT = {errno.ENOENT, errno.ENXIO, errno.ENODEV}
_HELD = {errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK}
_FORBIDDEN = {errno.EACCES, errno.EPERM}


@contextmanager
def opening(port: str) -> Iterator[None]:
    """Turn foreign exceptions into why `port` did not open."""
    try:
        yield
    except FOREIGN as error:
        raise opening_error(port, error) from error


@contextmanager
def connecting(url: str) -> Iterator[None]:
    """Turn foreign exceptions into PortNotFound: nobody answers at `url`."""
    try:
        yield
    except FOREIGN as error:
        raise no_server(url, reason(error)) from error


def no_server(url: str, why: str) -> PortNotFound:
    """Nobody answers at `url`."""
    hint = f"nothing answers there ({why}): start the server, or check the address"
    return PortNotFound(url, hint=hint)


@contextmanager
def using(port: str) -> Iterator[None]:
    """Turn foreign exceptions into PortLost: the open port broke."""
    try:
        yield
    except FOREIGN as error:
        raise PortLost(port, reason(error)) from error


def opening_error(port: str, error: Exception) -> PortError:
    """Why `port` did not open."""
    number = error_number(error)
    if number in _ABSENT:
        return PortNotFound(port, known=[info.device for info in list_ports()])
    if number in _HELD:
        holder = find_holder(port)
        return PortBusy(port, *(holder or ()))
    if number in _FORBIDDEN:
        return _denied_or_held(port)
    return PortUnusable(port, reason(error), hint="name a serial device, rfc2217:// or socket://")


def _denied_or_held(port: str) -> PortError:
    """Windows has one answer, "access denied", for both a port in use and one that is forbidden."""
    if sys.platform == "win32":
        return PortBusy(port)
    if sys.platform == "linux":
        group = group_of(port)
        hint = f"join its group: sudo usermod -aG {group} $USER, then log in again"
    else:
        hint = f"see who may use it: ls -l {port}"
    return PortDenied(port, hint)


def group_of(port: str) -> str:
    """The group that owns the device; `dialout` (Debian's name of it) where that cannot be told."""
    if sys.platform != "win32":
        import grp

        try:
            name = grp.getgrgid(os.stat(port).st_gid).gr_name  # noqa: PTH116 - a device, not a file
        except (OSError, KeyError):
            return "dialout"
        if name != "root":
            return name
    return "dialout"


def error_number(error: BaseException) -> int | None:
    """The system's number behind an exception: its own, or that of what it wraps.

    pyserial puts the number in front for some failures and only raises "from" it for others; trio
    groups the failures of several addresses.
    """
    first = error.args[0] if error.args else None
    if isinstance(first, int):
        return first
    if isinstance(error, BaseExceptionGroup):
        return error_number(error.exceptions[0])
    inner = error.__cause__ or error.__context__
    return error_number(inner) if inner is not None else None


def reason(error: Exception) -> str:
    """A few words: the system's own, without the library's wrapping."""
    number = error_number(error)
    return os.strerror(number) if number and number > 0 else str(error) or type(error).__name__
