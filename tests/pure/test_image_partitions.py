"""Partition tables: bytes derived by hand from ESP-IDF's documented format, and its rules."""

from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.errors import InvalidPartitions
from fbuild_watch.image import partitions
from fbuild_watch.image.partitions import Partition

FACTORY = """\
# ESP-IDF Partition Table
# Name,   Type, SubType, Offset,  Size, Flags
nvs,      data, nvs,     0x9000,  0x6000,
phy_init, data, phy,     ,        4K
factory,  app,  factory, ,        1M, encrypted
"""
FACTORY_ENTRIES = bytes.fromhex(
    "aa50 01 02 00900000 00600000 6e767300000000000000000000000000 00000000"
    "aa50 01 01 00f00000 00100000 7068795f696e69740000000000000000 00000000"
    "aa50 00 00 00000100 00001000 666163746f7279000000000000000000 01000000"
)


def test_the_bytes_of_a_table() -> None:
    table = partitions.parse(FACTORY, "p.csv")
    data = partitions.encode(table)
    assert len(data) == 0xC00
    assert data[:96] == FACTORY_ENTRIES
    assert data[96:128] == b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(FACTORY_ENTRIES).digest()
    assert set(data[128:]) == {0xFF}
    assert partitions.decode(data, "p.bin") == table
    app = partitions.app_partition(table)
    assert app == Partition("factory", 0, 0, 0x10000, 0x100000, 1)


def test_names_numbers_and_blank_fields() -> None:
    text = "\ufeffa,0,16,,64k\r\n\r\nb , DATA , , , 0x1000\nc,0x40,0x07,,4096,readonly:encrypted\nd,app,ota_15,,1M\n"
    assert partitions.parse(text, "p") == (
        Partition("a", 0, 0x10, 0x10000, 0x10000),
        Partition("b", 1, 0x06, 0x20000, 0x1000),
        Partition("c", 0x40, 0x07, 0x21000, 0x1000, 3),
        Partition("d", 0, 0x1F, 0x30000, 0x100000),
    )


def test_the_app_is_factory_or_the_first_slot() -> None:
    slots = "x,data,ota,,8K\nb,app,ota_1,,1M\na,app,ota_0,,1M\n"
    first = partitions.app_partition(partitions.parse(slots, "p"))
    assert first is not None
    assert first.name == "a"
    assert partitions.app_partition(partitions.parse("x,data,nvs,,8K\n", "p")) is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a,app,factory", "needs a size"),
        ("a", "type ''"),
        ("a,app,factory,,1M,,x", "a line is"),
        ("a,apps,factory,,1M", "type 'apps'"),
        ("a,app,main,,1M", "subtype 'main'"),
        ("a,app,,,1M", "needs a subtype"),
        ("a,0xff,0,,1M", "0..0xfe"),
        ("a,app,factory,0x11000,1M", "multiple of 0x10000"),
        ("a,data,nvs,0x9100,4K", "multiple of 0x1000"),
        ("a,data,nvs,0x8000,4K", "below the first free 0xb000"),
        ("a,app,factory,,100", "multiple of 0x1000"),
        ("a,data,nvs,,0", "more than nothing"),
        ("a,data,nvs,,big", "'big' is not a size"),
        ("a,data,nvs,,-4K", "more than nothing"),
        ("a,data,nvs,-4K,4K", "out of range"),
        ("a,data,nvs,,5000M", "out of range"),
        ("a,data,nvs,,4K,secret", "flag 'secret'"),
        (",data,nvs,,4K", "needs a name"),
        ("a,data,ota,,4K", "has 0x2000 bytes"),
        ("a,data,tee_ota,,1M", "has 0x2000 bytes"),
        ("a,data,ota,,8K,readonly", "cannot be readonly"),
        ("a,data,coredump,,8K,readonly", "cannot be readonly"),
        ("first,data,nvs,,4K", "two partitions 'first'"),
        ("a,data,nvs,0xA000,8K", "below the first free 0xb000"),
        ("a,data,nvs,0x9000,4K", "below the first free 0xb000"),
        ("a,data,spiffs,,4M", "the flash at 0x400000"),
    ],
)
def test_a_broken_rule_names_the_line(line: str, words: str) -> None:
    text = f"# note\nfirst, data, nvs, 0xA000, 0x1000\n{line}\n"
    with pytest.raises(InvalidPartitions) as failure:
        partitions.parse(text, "p.csv", flash_size=4 << 20)
    assert str(failure.value).startswith("p.csv:3: ")
    assert words in str(failure.value)


def test_a_table_has_an_end() -> None:
    lines = [f"p{number},data,nvs,,4K\n" for number in range(95)]
    fullest = partitions.encode(partitions.parse("".join(lines[:94]), "p"))
    assert len(fullest) == 0xC00
    assert fullest[-32:] == b"\xff" * 32  # without it the chip refuses the table
    with pytest.raises(InvalidPartitions, match=r"p:95: .*at most 94"):
        partitions.parse("".join(lines), "p")
    with pytest.raises(InvalidPartitions, match="no partition"):
        partitions.parse("# nothing\n", "p")


def test_damaged_tables_are_refused() -> None:
    data = bytearray(partitions.encode(partitions.parse(FACTORY, "p")))
    data[5] ^= 1
    with pytest.raises(InvalidPartitions, match="MD5"):
        partitions.decode(bytes(data), "p")
    with pytest.raises(InvalidPartitions, match="0x0 is no partition"):
        partitions.decode(b"\0" * 0xC00, "p")
    with pytest.raises(InvalidPartitions, match="no end"):
        partitions.decode(FACTORY_ENTRIES, "p")
    assert len(partitions.decode(FACTORY_ENTRIES + b"\xff" * 32, "p")) == 3  # MD5 is optional


# The cases that the guide's "Creating Custom Tables" describes in words.

TWO_SLOTS = """\
# Name,   Type, SubType, Offset,  Size, Flags
nvs,      data, nvs,     0x9000,  0x4000,
otadata,  data, ota,     0xd000,  0x2000,
phy_init, data, phy,     0xf000,  0x1000,
factory,  app,  factory, 0x10000,  1M,
ota_0,    app,  ota_0,   0x110000, 1M,
ota_1,    app,  ota_1,   0x210000, 1M,
"""


def test_the_two_slot_table_with_and_without_its_offsets() -> None:
    offsets = ["0x9000", "0xd000", "0xf000", "0x10000", "0x110000", "0x210000"]
    blank = TWO_SLOTS
    for offset in offsets:
        blank = blank.replace(f"{offset},", ",")
    assert partitions.parse(blank, "p") == partitions.parse(TWO_SLOTS, "p")
    assert [hex(part.offset) for part in partitions.parse(TWO_SLOTS, "p")] == offsets


def test_the_bytes_of_the_two_slot_table() -> None:
    """Packed here as the guide lays an entry out, from its numbers, apart from our own encoder."""
    entries = b"".join(
        struct.pack("<2sBBLL16sL", b"\xaa\x50", kind, subtype, offset, size, name, 0)
        for name, kind, subtype, offset, size in (
            (b"nvs", 1, 2, 0x9000, 0x4000),
            (b"otadata", 1, 0, 0xD000, 0x2000),
            (b"phy_init", 1, 1, 0xF000, 0x1000),
            (b"factory", 0, 0, 0x10000, 0x100000),
            (b"ota_0", 0, 0x10, 0x110000, 0x100000),
            (b"ota_1", 0, 0x11, 0x210000, 0x100000),
        )
    )
    digest = b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(entries).digest()
    expected = (entries + digest).ljust(0xC00, b"\xff")
    assert partitions.encode(partitions.parse(TWO_SLOTS, "p")) == expected


def test_a_negative_size_is_an_end() -> None:
    table = partitions.parse("a,app,factory,0x10000,-2M\nb,data,0x15,,-0x300000\n", "p")
    assert [(part.offset, part.end) for part in table] == [
        (0x10000, 0x200000), (0x200000, 0x300000),
    ]  # fmt: skip


def test_data_may_have_any_size_and_the_next_is_aligned() -> None:
    table = partitions.parse("a,data,nvs,,100\nb,data,phy,,4K\nc,app,test,,4K\n", "p")
    assert [part.offset for part in table] == [0x9000, 0xA000, 0x10000]


def test_a_long_name_is_cut_in_the_table() -> None:
    table = partitions.parse("sixteen bytes and more,data,nvs,,4K\n", "p")
    data = partitions.encode(table)
    assert data[12:28] == b"sixteen bytes an"
    assert partitions.decode(data, "p")[0].name == "sixteen bytes an"


def test_a_blank_subtype_is_undefined_for_every_type_but_app() -> None:
    table = partitions.parse("a,data,,,4K\nb,0x40,,,4K\n", "p")
    assert [part.subtype for part in table] == [6, 6]


def test_bootloader_and_table_have_places_of_their_own() -> None:
    text = (
        "boot, bootloader, primary, N/A, N/A\ntable, partition_table, primary, N/A, N/A\n"
        "nvs, data, nvs, , 24K\nboot2, bootloader, ota, , N/A\ntable2, partition_table, ota,,N/A\n"
    )
    table = partitions.parse(text, "p", bootloader_offset=0x1000)
    assert [(part.name, part.offset, part.size) for part in table] == [
        ("boot", 0x1000, 0x7000),
        ("table", 0x8000, 0x1000),
        ("nvs", 0x9000, 0x6000),
        ("boot2", 0xF000, 0x7000),
        ("table2", 0x16000, 0x1000),
    ]
    with pytest.raises(InvalidPartitions, match=r"p:2: .*overlaps 'boot'"):
        partitions.parse("boot,bootloader,primary\nagain,bootloader,primary\n", "p")


def test_there_is_one_ota_data() -> None:
    with pytest.raises(InvalidPartitions, match=r"p:2: 'a' has the OTA data already"):
        partitions.parse("a,data,ota,,8K\nb,data,ota,,8K\n", "p")


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        ("n,data,nvs,,8K\n", None),
        ("n,data,nvs,,8K\ns,data,spiffs,,1M\nl,data,littlefs,,1M\n", "s"),
        ("n,0x40,0x82,,8K\nl,data,littlefs,,1M\n", "l"),
    ],
)
def test_assets_go_to_the_first_file_system(rows: str, name: str | None) -> None:
    found = partitions.asset_partition(partitions.parse(rows, "p"))
    assert (found.name if found else None) == name


rows = st.tuples(
    st.sampled_from(["app", "data"]),
    st.sampled_from([0x10, 0x40, 0x82, 0xFE]),
    st.integers(1, 40),
    st.booleans(),
)


@given(st.lists(rows, min_size=1, max_size=20))
def test_blank_offsets_make_a_table_that_holds_all_rules(
    wanted: list[tuple[str, int, int, bool]],
) -> None:
    text = "".join(
        f"p{number},{kind},{subtype},,{sectors * 4}K,{'encrypted' if flag else ''}\n"
        for number, (kind, subtype, sectors, flag) in enumerate(wanted)
    )
    table = partitions.parse(text, "p")
    assert partitions.decode(partitions.encode(table), "p") == table
    end = 0x9000
    for part, (kind, subtype, sectors, flag) in zip(table, wanted, strict=True):
        alignment = 0x10000 if kind == "app" else 0x1000
        assert part.offset % alignment == 0
        assert 0 <= part.offset - end < alignment
        assert (part.subtype, part.size, part.flags) == (subtype, sectors * 4096, int(flag))
        end = part.end
