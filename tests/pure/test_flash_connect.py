"""Which way in is tried when, which chips are refused, and what the libraries' errors become."""

from __future__ import annotations

import struct
from typing import Any

import pytest
import serial
from esptool.util import FatalError, UnsupportedCommandError

from fbuild_watch.errors import FlashEncrypted, SecureBoot, SecureDownloadMode
from fbuild_watch.flash.boards import Known
from fbuild_watch.flash.connect import Line, _tries, refuse_locked
from fbuild_watch.flash.dialogue import LinkBroke
from fbuild_watch.flash.resets import BRIDGE
from fbuild_watch.flash.translate import PortGone, first_line, translated

KNOWN = Known("p", "02:00:00:00:00:01", "ESP32-C3", 4 << 20, 230400, 2, 0x1800)


def line(*, modem_lines: bool = True) -> Line:
    return Line(None, "rfc2217://h:1", modem_lines, 921600, 115200, "auto")


def test_what_worked_is_tried_first_then_the_quick_way_then_every_method_slowly() -> None:
    assert list(_tries(line(), KNOWN, 921600))[:3] == [(2, 230400), (0, 460800), (0, 115200)]
    unknown = list(_tries(line(), None, 921600))
    assert unknown[0] == (0, 460800)
    assert {method for method, rate in unknown if rate == 115200} == set(range(len(BRIDGE)))


def test_a_lower_rate_is_not_gone_beyond() -> None:
    assert all(rate == 115200 for _, rate in _tries(line(), KNOWN, 115200))


def test_without_lines_there_is_one_rate() -> None:
    assert {rate for _, rate in _tries(line(modem_lines=False), KNOWN, 921600)} == {115200}


class Chip:
    """As much of esptool's object as says whether it is locked."""

    def __init__(self, *, mode: bool = False, encrypted: int = 0, signed: bool = False) -> None:
        self.secure_download_mode = mode
        self.encrypted, self.signed = encrypted, signed
        self.cache: dict[str, Any] = {"security_info": None}

    def get_flash_encryption_enabled(self) -> bool:
        return self.encrypted.bit_count() % 2 == 1

    def get_secure_boot_enabled(self) -> bool:
        return self.signed


class ChipThatTells(Chip):
    """One with GET_SECURITY_INFO: its eFuses are not read."""

    def __init__(self, **locks: Any) -> None:
        super().__init__(**locks)
        flags = {"SECURE_BOOT_EN": self.signed}
        self.cache["security_info"] = {"flash_crypt_cnt": self.encrypted, "parsed_flags": flags}

    def get_flash_encryption_enabled(self) -> bool:
        raise AssertionError("a needless eFuse read")

    get_secure_boot_enabled = get_flash_encryption_enabled


@pytest.mark.parametrize("kind", [Chip, ChipThatTells])
@pytest.mark.parametrize(
    ("locks", "error"),
    [
        ({"mode": True}, SecureDownloadMode),
        ({"encrypted": 0b001}, FlashEncrypted),
        ({"encrypted": 0b111}, FlashEncrypted),
        ({"signed": True}, SecureBoot),
    ],
)
def test_a_locked_chip_is_refused_in_words(
    kind: type[Chip], locks: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        refuse_locked(kind(**locks), "/dev/ttyUSB0")
    assert "/dev/ttyUSB0" in str(caught.value)
    assert caught.value.hint  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [Chip, ChipThatTells])
@pytest.mark.parametrize("count", [0b000, 0b011])
def test_an_open_chip_is_not(kind: type[Chip], count: int) -> None:
    refuse_locked(kind(encrypted=count), "p")


class _Loader:
    CHIP_NAME = "ESP32"
    secure_download_mode = False


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (FatalError("no\nmore lines."), LinkBroke),
        (UnsupportedCommandError(_Loader(), 8), LinkBroke),
        (serial.SerialTimeoutException("Write timeout"), LinkBroke),
        (serial.SerialException("gone"), PortGone),
        (OSError(5, "Input/output error"), PortGone),
        (struct.error("unpack requires a buffer"), LinkBroke),
        (IndexError("index out of range"), LinkBroke),
        (UnicodeDecodeError("ascii", b"\xff", 0, 1, "ordinal not in range"), LinkBroke),
        (ValueError("non-hexadecimal number"), LinkBroke),
    ],
)
def test_what_the_libraries_raise_becomes_ours(error: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected) as caught, translated():
        raise error
    assert first_line(error) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_defect_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError
