"""The asset file system: what a board mounts after the regions were laid over whatever it held."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from littlefs import LittleFS, UserContext

from fbuild_watch.errors import ImageTooBig, InvalidImage
from fbuild_watch.image import assets
from fbuild_watch.image.assets import Asset
from fbuild_watch.model import SECTOR, Region

SIZE = 64 * SECTOR


def mounted(flash: bytes | bytearray) -> LittleFS:
    """As esp_littlefs mounts a partition."""
    system = LittleFS(
        UserContext(buffer=bytearray(flash)), mount=False, block_size=SECTOR,
        block_count=len(flash) // SECTOR, read_size=128, prog_size=128, cache_size=512,
        lookahead_size=128, name_max=64,
    )  # fmt: skip
    system.mount()
    return system


def contents(system: LittleFS) -> dict[str, bytes]:
    """Every file, by its path."""
    found = {}
    for folder, _, names in system.walk("/"):
        for name in names:
            path = f"{folder.rstrip('/')}/{name}"
            with system.open(path, "rb") as file:
                found[path.lstrip("/")] = file.read()
    return found


def laid_over(flash: bytes, regions: tuple[Region, ...]) -> bytearray:
    """Flash, from offset 0, in which the regions were written."""
    after = bytearray(flash)
    for region in regions:
        after[region.offset : region.offset + region.size] = region.data
    return after


def made(files: dict[str, bytes], size: int = SIZE, offset: int = 0) -> tuple[Region, ...]:
    return assets.regions([Asset(*item) for item in sorted(files.items())], offset, size, "storage")


files = st.dictionaries(
    st.sampled_from(["a", "b/c", "b/d", "é/ü.html", "b.x", "f/g/h", "index.html"]),
    st.binary(max_size=30) | st.integers(0, 30_000).map(lambda size: b"\xa5" * size),
)


@settings(max_examples=60, deadline=None)
@given(files, files, st.binary(min_size=1, max_size=9))
def test_a_board_reads_the_files_whatever_its_flash_held(
    wanted: dict[str, bytes], before: dict[str, bytes], garbage: bytes
) -> None:
    regions = made(wanted)
    old = laid_over(b"\xff" * SIZE, made(before))
    for flash in (old, (garbage * SIZE)[:SIZE], b"\0" * SIZE):
        system = mounted(laid_over(flash, regions))
        assert contents(system) == wanted
        with system.open("log.txt", "wb") as file:  # it can be written to as well
            file.write(b"boot\n" * 2000)
        assert contents(system) == {**wanted, "log.txt": b"boot\n" * 2000}


@settings(max_examples=30, deadline=None)
@given(files)
def test_the_same_files_give_the_same_bytes(wanted: dict[str, bytes]) -> None:
    first = made(wanted, offset=0x200000)
    assert first == made(dict(reversed(wanted.items())), offset=0x200000)
    assert [region.offset % SECTOR or region.size % SECTOR for region in first] == [0] * len(first)
    assert first[0].offset == 0x200000
    assert [region.name for region in first] == [
        "assets", *(f"assets.{number}" for number in range(1, len(first))),
    ]  # fmt: skip


def test_only_what_is_used_is_written() -> None:
    regions = made({"index.html": b"x" * 10_000}, size=2 << 20)
    assert sum(region.size for region in regions) <= 6 * SECTOR


def test_a_changed_page_changes_its_own_sectors() -> None:
    """Eight sectors of 30,000 bytes; neither its neighbours nor the folder."""
    pages = {f"page{number}.html": bytes([number]) * 30_000 for number in range(6)}
    before = laid_over(b"\xff" * SIZE, made(pages))
    after = laid_over(b"\xff" * SIZE, made({**pages, "page3.html": b"new" * 10_000}))
    changed = [at for at in range(0, SIZE, SECTOR) if before[at:][:SECTOR] != after[at:][:SECTOR]]
    assert len(changed) == 8
    assert changed[-1] - changed[0] == 7 * SECTOR


def test_the_fingerprint_tells_names_bytes_and_sizes_apart() -> None:
    variants = [
        ((Asset("a", b"bc"),), SIZE),
        ((Asset("ab", b"c"),), SIZE),
        ((Asset("a", b"b"), Asset("c", b"")), SIZE),
        ((Asset("a", b"bc"),), 2 * SIZE),
    ]
    assert len({assets.fingerprint(*variant) for variant in variants}) == 4


@pytest.mark.parametrize(
    ("content", "size"), [({"a": b"x" * 70_000}, 16 * SECTOR), ({"b/c": b""}, SECTOR)]
)
def test_too_many_files_are_refused_with_the_numbers(content: dict[str, bytes], size: int) -> None:
    with pytest.raises(ImageTooBig) as failure:
        made(content, size=size)
    assert failure.value.fields()["limit"] == size
    assert failure.value.fields()["size"] > size
    assert "partition 'storage'" in str(failure.value)


def test_a_folder_is_read_in_order_without_its_noise(tmp_path: Path) -> None:
    for name in ("b/c.txt", "b.txt", ".DS_Store", "b/.git/x", "a.txt~", "a.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    found = assets.read_folder(tmp_path)
    assert [(asset.path, asset.data) for asset in found] == [
        ("a.txt", b"a.txt"), ("b.txt", b"b.txt"), ("b/c.txt", b"b/c.txt"),
    ]  # fmt: skip
    assert assets.read_folder(tmp_path / "not there") == ()
    (tmp_path / ("n" * 65)).touch()
    with pytest.raises(InvalidImage, match="its name is too long"):
        assets.read_folder(tmp_path)
