"""Which board was behind a port: found again wherever it is, and no other one taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.serial.identity import Identity, identify, look_up
from fbuild_watch.serial.ports import PortInfo


def usb(number: int, serial: str | None, location: str, kind: int = 0x7523) -> PortInfo:
    return PortInfo(
        f"/dev/ttyUSB{number}", vid=0x1A86, pid=kind, serial_number=serial, location=location
    )


def identity(port: PortInfo, *others: PortInfo) -> Identity:
    found = identify(port, [port, *others])
    assert found is not None
    return found


def test_a_serial_number_is_the_board_wherever_it_is_plugged_in() -> None:
    ours, other = usb(0, "aa01", "1-1"), usb(1, "aa02", "1-2")
    mine = identity(ours, other)
    moved = usb(3, "aa01", "1-7", kind=0x55D4)  # as in its bootloader
    assert mine.find([other, moved]) is moved
    assert mine.find([other]) is None
    assert mine.find([usb(0, "aa02", "1-1")]) is None  # another board, under ours' name and place
    assert mine.find([usb(0, None, "1-1")]) is None
    assert "aa01" in str(mine)


def test_a_firmware_may_have_another_face_than_the_rom() -> None:
    """An ESP32-S3: USB-Serial/JTAG in its ROM, TinyUSB in its firmware."""
    rom = PortInfo("/dev/ttyACM0", "", 0x303A, 0x1001, "7C:DF:A1:00:00:01", location="1-1")
    mine = identity(rom)
    firmware = PortInfo("/dev/ttyACM1", "", 0x303A, 0x8000, "7CDFA1000001", location="1-2")
    assert mine.find([firmware]) is firmware
    own_number = PortInfo("/dev/ttyACM1", "", 0x303A, 0x8000, "123456", location="1-1")
    assert mine.find([own_number]) is own_number
    elsewhere = PortInfo("/dev/ttyACM1", "", 0x303A, 0x8000, "123456", location="1-2")
    assert mine.find([elsewhere]) is None
    same_product = PortInfo("/dev/ttyACM0", "", 0x303A, 0x1001, "7C:DF:A1:00:00:02", location="1-1")
    assert mine.find([same_product]) is None


def test_without_one_it_is_the_board_of_its_kind_in_the_same_socket() -> None:
    ours, other = usb(0, None, "1-1"), usb(1, None, "1-2")
    mine = identity(ours, other)
    assert mine.find([other, renumbered := usb(5, None, "1-1")]) is renumbered
    assert mine.find([other]) is None  # it was there all the time
    assert mine.find([other, moved := usb(2, None, "1-9")]) is moved
    assert mine.find([usb(2, None, "1-8"), usb(3, None, "1-9")]) is None
    assert mine.find([usb(0, None, "1-1", kind=0xEA60)]) is None
    assert "1a86:7523" in str(mine)
    assert "1-1" in str(mine)


def test_a_serial_number_that_several_boards_have_is_none() -> None:
    """As a CP2102 is sold."""
    ours, other = usb(0, "0001", "1-1"), usb(1, "0001", "1-2")
    mine = identity(ours, other)
    assert mine.serial_number is None
    assert mine.find([other]) is None
    assert mine.find([other, usb(4, "0001", "1-1")]) == usb(4, "0001", "1-1")
    alone = identity(ours)
    assert alone.find([other, ours]) is None  # now there are two of it
    assert alone.find([usb(7, "0001", "1-3")]) == usb(7, "0001", "1-3")


def test_what_is_no_usb_device_has_no_identity() -> None:
    port = PortInfo("/dev/ttyS0")
    assert identify(port, [port]) is None
    assert identify(None, []) is None


def test_a_link_is_its_device(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("dev")
    (folder / "ttyUSB0").touch()
    (folder / "board").symlink_to("ttyUSB0")
    port = PortInfo(str(folder / "ttyUSB0"))
    assert look_up(str(folder / "board"), [port]) is port
    assert look_up(str(folder / "ttyUSB0"), [port]) is port
    assert look_up(str(folder / "ttyUSB1"), [port]) is None


boards = st.lists(
    st.builds(
        usb,
        st.integers(0, 3),
        st.sampled_from(["a", "b", None, ""]),
        st.sampled_from(["1-1", "1-2", "1-3"]),
    ),
    unique_by=(lambda port: port.device, lambda port: port.location),
    min_size=1,
)


@given(boards, boards)
def test_a_board_that_stayed_where_it_was_is_never_taken_for_ours(
    before: list[PortInfo], after: list[PortInfo]
) -> None:
    ours, *others = before
    found = identity(ours, *others).find(after)
    stayed = {
        (port.location, port.serial_number) for port in others if port.location != ours.location
    }
    assert (
        found is None
        or (found.location, found.serial_number) not in stayed
        or (found.serial_number and found.serial_number == ours.serial_number)
    )


@given(boards)
def test_while_nothing_changes_it_is_found(before: list[PortInfo]) -> None:
    assert identity(before[0], *before[1:]).find(before) is before[0]
