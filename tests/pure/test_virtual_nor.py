from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.virtual.nor import BLOCK, PAGE, SECTOR, Nor, OutOfRange, erase_units, pages

SIZE = 2 * BLOCK
addresses = st.integers(0, SIZE)
contents = st.binary(max_size=600)


def erased() -> Nor:
    return Nor(bytearray(b"\xff" * SIZE))


@given(addresses, contents, contents)
def test_programming_only_clears_bits(address: int, first: bytes, second: bytes) -> None:
    nor = erased()
    address = min(address, SIZE - 600)
    nor.program(address, first)
    nor.program(address, second)
    size = max(len(first), len(second))
    expected = bytes(
        a & b for a, b in zip(first.ljust(size, b"\xff"), second.ljust(size, b"\xff"), strict=True)
    )
    assert nor.read(address, size) == expected


@given(addresses, contents, st.sampled_from([SECTOR, BLOCK]))
def test_an_erase_sets_its_unit_and_nothing_else(address: int, data: bytes, unit: int) -> None:
    memory = bytearray(SIZE)
    nor = Nor(memory)
    start = min(address, SIZE - 1) // unit * unit
    nor.erase(start, unit)
    assert memory == b"\0" * start + b"\xff" * unit + b"\0" * (SIZE - start - unit)


@pytest.mark.parametrize(("address", "unit"), [(1, SECTOR), (SECTOR, BLOCK), (0, 512)])
def test_an_erase_takes_aligned_units_only(address: int, unit: int) -> None:
    with pytest.raises(ValueError, match="cannot erase"):
        erased().erase(address, unit)


@given(st.integers(-BLOCK, SIZE + BLOCK), st.integers(0, BLOCK))
def test_out_of_range_is_an_error_and_changes_nothing(address: int, size: int) -> None:
    memory = bytearray(b"\xff" * SIZE)
    nor = Nor(memory)
    if address >= 0 and address + size <= SIZE:
        assert nor.read(address, size) == b"\xff" * size
        return
    with pytest.raises(OutOfRange):
        nor.read(address, size)
    with pytest.raises(OutOfRange):
        nor.program(address, bytes(size))
    assert memory == b"\xff" * SIZE


def test_erasing_past_the_end_is_out_of_range() -> None:
    with pytest.raises(OutOfRange):
        erased().erase(SIZE, SECTOR)


@pytest.mark.parametrize("size", [0, 1, BLOCK + SECTOR])
def test_a_flash_is_a_multiple_of_a_block(size: int) -> None:
    with pytest.raises(ValueError, match="multiple"):
        Nor(bytearray(size))


@given(st.integers(0, 4 * BLOCK), st.integers(0, 4 * BLOCK))
def test_erase_units_cover_the_range_once_in_whole_sectors(address: int, size: int) -> None:
    units = list(erase_units(address, size))
    if not size and not address % SECTOR:
        assert units == []
        return
    assert units[0][0] == address - address % SECTOR
    ends = [start + unit for start, unit in units]
    assert ends[:-1] == [start for start, _ in units[1:]]
    assert ends[-1] == -(-(address + size) // SECTOR) * SECTOR
    assert all(start % unit == 0 for start, unit in units)
    sectors_in_a_row = max(sum(unit == SECTOR for _, unit in units), 0)
    assert sectors_in_a_row <= 30  # at most 15 before the first block and 15 after the last


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_pages_touched(address: int, size: int) -> None:
    assert pages(address, size) == len({at // PAGE for at in range(address, address + size)})
