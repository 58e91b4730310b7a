"""No exception of pyserial or the system gets past the port's edge untranslated."""

from __future__ import annotations

import errno
import inspect
import socket
import termios

import pytest
import serial
import serial.rfc2217

from fbuild_watch.errors import (
    PortBusy,
    PortDenied,
    PortError,
    PortLost,
    PortNotFound,
    PortUnusable,
)
from fbuild_watch.serial import translate
from fbuild_watch.serial.translate import connecting, opening, using

PORT = "/dev/ttyNOPE7"


def pyserial_errors() -> list[Exception]:
    """Every exception type that pyserial defines, as it raises them: with and without a number."""
    types = [
        kind
        for _, kind in inspect.getmembers(serial.serialutil, inspect.isclass)
        if issubclass(kind, Exception) and kind.__module__.startswith("serial")
    ]
    assert len(types) >= 3
    plain = [kind("words") for kind in types if kind is not serial.serialutil.PortNotOpenError]
    return [*plain, serial.serialutil.PortNotOpenError(), *with_numbers()]


def with_numbers() -> list[Exception]:
    numbers = sorted(errno.errorcode)
    return [
        *(OSError(number, "words") for number in numbers),
        *(serial.SerialException(number, "words") for number in numbers),
        *(termios.error(number, "words") for number in numbers),
        ValueError("Not a valid baudrate: -1"),
        OverflowError("signed integer is greater than maximum"),
        socket.gaierror(-2, "Name or service not known"),
    ]


@pytest.mark.parametrize("edge", [opening, connecting, using])
def test_everything_becomes_a_port_error(edge: object) -> None:
    for error in pyserial_errors():
        with pytest.raises(PortError) as caught, edge(PORT):  # type: ignore[operator]
            raise error
        assert caught.value.hint
        assert caught.value.__cause__ is error


@pytest.mark.parametrize("edge", [opening, connecting, using])
def test_a_defect_of_ours_stays_what_it_is(edge: object) -> None:
    with pytest.raises(KeyError), edge(PORT):  # type: ignore[operator]
        raise KeyError("not theirs")


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, PortNotFound),
        (errno.ENODEV, PortNotFound),
        (errno.EBUSY, PortBusy),
        (errno.EWOULDBLOCK, PortBusy),
        (errno.EACCES, PortDenied),
        (errno.ENOTTY, PortUnusable),
    ],
)
def test_why_a_port_does_not_open(number: int, kind: type[PortError]) -> None:
    for error in (OSError(number, "x"), serial.SerialException(number, "x")):
        with pytest.raises(kind), opening(PORT):
            raise error


def test_the_number_is_found_behind_pyserials_own_words() -> None:
    wrapped = serial.SerialException("could not open port")
    wrapped.__cause__ = FileNotFoundError(errno.ENOENT, "x")
    assert isinstance(translate.opening_error(PORT, wrapped), PortNotFound)


def test_trios_group_of_failed_addresses_is_told_in_the_systems_words() -> None:
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "x")
    with pytest.raises(PortNotFound) as caught, connecting("rfc2217://localhost:1"):
        raise OSError("all attempts to connect failed") from ExceptionGroup("", [refused, refused])
    assert "Connection refused" in caught.value.hint


def test_a_denied_port_names_the_group_to_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translate.sys, "platform", "linux")
    with pytest.raises(PortDenied) as caught, opening(PORT):
        raise PermissionError(errno.EACCES, "x")
    assert "usermod -aG dialout" in caught.value.hint


def test_windows_says_denied_for_a_port_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translate.sys, "platform", "win32")
    with pytest.raises(PortBusy), opening("COM3"):
        raise PermissionError(errno.EACCES, "Access is denied")


def test_a_broken_port_says_why() -> None:
    with pytest.raises(PortLost, match="Input/output error"), using(PORT):
        raise OSError(errno.EIO, "x")
