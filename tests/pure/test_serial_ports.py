"""Which port is meant."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import serial.tools.list_ports

from fbuild_watch.cli.ports import table
from fbuild_watch.errors import PortAmbiguous, PortNotFound
from fbuild_watch.serial.ports import (
    PortInfo,
    choose_port,
    find_port,
    list_ports,
    whereabouts,
)

BUILT_IN = PortInfo("/dev/ttyS0")
ONE = PortInfo("/dev/ttyUSB0", "CP2102N", 0x10C4, 0xEA60, "aa01")
TWO = PortInfo("/dev/ttyACM0", "USB JTAG", 0x303A, 0x1001, "7C:DF:A1")


def never(_ports: Sequence[PortInfo]) -> str:
    raise AssertionError("asked although it was clear")


def test_what_is_named_wins_without_looking() -> None:
    assert choose_port("/dev/x", "/dev/y", [ONE, TWO], never) == "/dev/x"
    assert choose_port(None, "/dev/y", [ONE, TWO], never) == "/dev/y"


def test_one_board_is_found_by_itself_beside_built_in_ports() -> None:
    assert choose_port(None, None, [ONE, BUILT_IN], never) == "/dev/ttyUSB0"


def test_several_boards_are_asked_about_or_refused() -> None:
    asked: list[Sequence[PortInfo]] = []

    def ask(ports: Sequence[PortInfo]) -> str:
        asked.append(ports)
        return ports[1].device

    assert choose_port(None, None, [TWO, ONE, BUILT_IN], ask) == "/dev/ttyUSB0"
    assert asked == [[TWO, ONE]]
    with pytest.raises(PortAmbiguous) as caught:
        choose_port(None, None, [TWO, ONE], None)
    assert caught.value.fields()["ports"] == ["/dev/ttyACM0", "/dev/ttyUSB0"]


def test_no_board_says_which_ports_there_are() -> None:
    with pytest.raises(PortNotFound) as caught:
        choose_port(None, None, [BUILT_IN], never)
    assert "/dev/ttyS0" in caught.value.hint


def test_a_port_that_is_meant() -> None:
    assert find_port("/dev/ttyACM0", [TWO]) == "/dev/ttyACM0"
    assert find_port("/dev/ttyACM1", [TWO]) is None
    assert find_port(None, [BUILT_IN, TWO]) == "/dev/ttyACM0"
    assert find_port(None, [ONE, TWO]) is None
    assert find_port(None, [BUILT_IN]) is None


MAC = "7c:df:a1:00:00:01"
NATIVE = PortInfo("/dev/ttyACM1", vid=0x303A, pid=0x1001, serial_number=MAC.upper())
OTHER_NATIVE = PortInfo("/dev/ttyACM0", vid=0x303A, pid=0x1001, serial_number="7C:DF:A1:00:00:02")


def test_a_board_that_was_away_is_looked_for_by_its_mac_its_name_and_as_the_only_one() -> None:
    assert whereabouts("/dev/ttyACM0", MAC, [OTHER_NATIVE, NATIVE]) == "/dev/ttyACM1"
    assert whereabouts("/dev/ttyACM0", MAC, [OTHER_NATIVE]) is None  # it says that it is another
    assert whereabouts("/dev/ttyUSB0", MAC, [ONE, TWO]) == "/dev/ttyUSB0"
    assert whereabouts("/dev/ttyUSB7", MAC, [BUILT_IN, ONE]) == "/dev/ttyUSB0"
    assert whereabouts("/dev/ttyUSB7", MAC, [ONE, TWO]) is None
    assert whereabouts("/dev/ttyUSB7", MAC, []) is None
    assert whereabouts("rfc2217://h:1", MAC, [ONE]) == "rfc2217://h:1"


def found(device: str, **more: Any) -> SimpleNamespace:
    unknown = dict.fromkeys(("vid", "pid", "serial_number", "manufacturer", "location"))
    return SimpleNamespace(**{"device": device, "description": "n/a", **unknown, **more})


def test_the_list_has_boards_first_and_hides_what_macos_always_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ports = [
        found("/dev/cu.Bluetooth-Incoming-Port"),
        found("/dev/cu.debug-console"),
        found("/dev/cu.wlan-debug"),
        found("/dev/cu.other"),
        found("/dev/cu.usbserial-2", vid=1, pid=2, description="board"),
    ]
    monkeypatch.setattr(serial.tools.list_ports, "comports", lambda: ports)
    assert list_ports() == [
        PortInfo("/dev/cu.usbserial-2", "board", 1, 2),
        PortInfo("/dev/cu.other"),
    ]


def test_a_table_has_columns() -> None:
    assert table([("A", "B"), ("long", "x"), ("y", "")]) == ["A     B", "long  x", "y"]
