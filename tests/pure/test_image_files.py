"""flasher_args.json, images of plain files, and the regions they make."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.errors import ImageTooBig, InvalidImage
from fbuild_watch.image import flasher_args, from_files, load_built, of_foreign, partitions
from fbuild_watch.image.flasher_args import FlasherArgs, FlashFile
from fbuild_watch.image.regions import image_of
from fbuild_watch.model import Environment, FlashSettings, ForeignPlan, Region

FROM_ESP_IDF = {
    "write_flash_args": ["--flash_mode", "dio", "--flash_size", "2MB", "--flash_freq", "80m"],
    "flash_settings": {"flash_mode": "dio", "flash_size": "2MB", "flash_freq": "80m"},
    "flash_files": {
        "0x0": "bootloader/bootloader.bin",
        "0x10000": "hello.bin",
        "0x8000": "partition_table/partition-table.bin",
        "0x110000": "storage.bin",
    },
    "bootloader": {"offset": "0x0", "file": "bootloader/bootloader.bin", "encrypted": "false"},
    "app": {"offset": "0x10000", "file": "hello.bin", "encrypted": "false"},
    "partition-table": {
        "offset": "0x8000",
        "file": "partition_table/partition-table.bin",
        "encrypted": "false",
    },
    "extra_esptool_args": {"after": "hard_reset", "before": "default_reset", "chip": "esp32c3"},
}
PATH = Path("flasher_args.json")


def test_esp_idfs_own_file_is_read() -> None:
    assert flasher_args.decode(json.dumps(FROM_ESP_IDF).encode(), PATH) == FlasherArgs(
        "esp32c3",
        (
            FlashFile("bootloader", 0x0, "bootloader/bootloader.bin"),
            FlashFile("app", 0x10000, "hello.bin"),
            FlashFile("partitions", 0x8000, "partition_table/partition-table.bin"),
            FlashFile("storage", 0x110000, "storage.bin"),
        ),
    )


def test_ours_has_esp_idfs_form() -> None:
    files = (FlashFile("app", 0x10000, "firmware.bin"), FlashFile("partitions", 0x8000, "p.bin"))
    made = json.loads(flasher_args.encode(files, "esp32c3", FlashSettings("qio", "40m", "2MB")))
    assert set(made) == (set(FROM_ESP_IDF) - {"bootloader"})
    assert made["flash_files"] == {"0x10000": "firmware.bin", "0x8000": "p.bin"}
    assert made["partition-table"] == {"offset": "0x8000", "file": "p.bin", "encrypted": "false"}
    assert made["write_flash_args"] == [
        "--flash-mode", "qio", "--flash-size", "2MB", "--flash-freq", "40m",
    ]  # fmt: skip
    assert made["extra_esptool_args"]["chip"] == "esp32c3"


def test_what_is_unusual_but_right_is_read() -> None:
    """No chip, a decimal offset, a file without an entry, a boolean, and keys of later versions."""
    odd = {
        "flash_files": {"65536": "build/my app.bin", "0X9000": "nvs.bin"},
        "app": {"offset": "0x10000", "file": "build/my app.bin", "encrypted": False, "more": []},
        "extra_esptool_args": {"stub": False},
        "version": 7,
        "notes": {"file": 3},
    }
    assert flasher_args.decode(json.dumps(odd).encode(), PATH) == FlasherArgs(
        None, (FlashFile("app", 65536, "build/my app.bin"), FlashFile("nvs", 0x9000, "nvs.bin"))
    )


def test_images_that_the_chip_encrypts_are_refused() -> None:
    entry = {"offset": "0x10000", "file": "hello.bin", "encrypted": "true"}
    with pytest.raises(InvalidImage, match=r"app is to be encrypted") as failure:
        flasher_args.decode(json.dumps({**FROM_ESP_IDF, "app": entry}).encode(), PATH)
    assert "idf.py" in failure.value.hint


def test_regions_of_a_built_image_fit_their_partitions(tmp_path: Path) -> None:
    table = partitions.parse("nvs,data,nvs,,4K\na,app,factory,,4K\nb,data,nvs,0x20000,4K\n", "p")
    files = tuple(
        FlashFile(name, offset, f"{name}.bin")
        for name, offset in (("partitions", 0x8000), ("app", 0x10000), ("free", 0x30000))
    )
    (tmp_path / PATH).write_bytes(flasher_args.encode(files, "esp32c3", FlashSettings()))
    (tmp_path / "partitions.bin").write_bytes(partitions.encode(table))
    (tmp_path / "free.bin").write_bytes(b"x" * 9000)
    (tmp_path / "app.bin").write_bytes(b"x" * 4096)
    assert len(load_built(tmp_path).regions) == 3
    (tmp_path / "app.bin").write_bytes(b"x" * 4097)
    with pytest.raises(ImageTooBig, match=r"app is 4,097 bytes, 1 more than partition 'a'"):
        load_built(tmp_path)


names = st.sampled_from(["app", "bootloader", "partitions", "data one", "été"])


@given(st.lists(names, unique=True), st.data())
def test_round_trip(chosen: list[str], data: st.DataObject) -> None:
    files = tuple(
        FlashFile(name, data.draw(st.integers(0, 2**20)) * 32 + number, f"{name}.bin")
        for number, name in enumerate(chosen)
    )
    text = flasher_args.encode(files, "esp32", FlashSettings())
    assert flasher_args.decode(text, PATH) == FlasherArgs("esp32", files)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"flash_files": {"zero": "x"}}', '{"flash_files": {"0": 1}}', "\xff"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidImage, match=r"is no flasher_args\.json"):
        flasher_args.decode(text.encode("latin-1"), PATH)


def test_what_was_built_last_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(InvalidImage, match="nothing was built here yet") as failure:
        load_built(tmp_path)
    assert failure.value.hint == "build the project first"
    files = (FlashFile("app", 0x10000, "firmware.bin"), FlashFile("bootloader", 0, "b.bin"))
    (tmp_path / PATH).write_bytes(flasher_args.encode(files, "esp32c3", FlashSettings()))
    (tmp_path / "b.bin").write_bytes(b"boot")
    with pytest.raises(InvalidImage, match="a built file is missing"):
        load_built(tmp_path)
    (tmp_path / "firmware.bin").write_bytes(b"app")
    (tmp_path / "firmware.elf").touch()
    image = load_built(tmp_path)
    assert image.regions == (Region("bootloader", 0, b"boot"), Region("app", 0x10000, b"app"))
    assert (image.chip, image.elf) == ("esp32c3", tmp_path / "firmware.elf")


def test_plain_files_are_regions_named_after_them(tmp_path: Path) -> None:
    for name in ("one.bin", "two=2.img"):
        (tmp_path / name).write_bytes(name.encode())
    image = from_files([f"0x10000={tmp_path}/two=2.img", f"4096={tmp_path}/one.bin"])
    assert [(region.name, region.offset) for region in image.regions] == [
        ("one", 4096), ("two=2", 0x10000),
    ]  # fmt: skip
    assert (image.chip, image.elf) == (None, None)


def test_regions_of_plain_files_have_names_of_their_own(tmp_path: Path) -> None:
    files = ("a/x.bin", "a/x.img", "a/y.bin", "b/y.bin", "b/z.bin")
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    expected = ["x.bin", "x.img", "y.bin@0x2000", "y.bin@0x3000", "z"]
    made = from_files([f"{at * 4096}={tmp_path}/{name}" for at, name in enumerate(files)])
    assert [region.name for region in made.regions] == expected
    placed = tuple((at * 4096, tmp_path / name) for at, name in enumerate(files))
    own = Environment("e", tmp_path, tmp_path, tmp_path, "")
    foreign = of_foreign(ForeignPlan(own, tmp_path, (), regions=placed))
    assert [region.name for region in foreign.regions] == expected


@pytest.mark.parametrize(
    "text", ["", "x", "=x", "0x10=", "10k=x", "-1=x", "0x1_0=x", "0x=x", "0xffffffff0=x", " 1=x"]
)
def test_a_placement_has_one_form(text: str) -> None:
    with pytest.raises(InvalidImage) as failure:
        from_files([text])
    assert "OFFSET=FILE" in failure.value.hint


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidImage, match=r"nothing\.bin: there is no such file"):
        from_files([f"0={tmp_path}/nothing.bin"])
    with pytest.raises(InvalidImage, match="Is a directory"):
        from_files([f"0={tmp_path}"])


def test_a_file_without_end_is_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("fbuild_watch.image.make")  # the package gives the name to a function
    monkeypatch.setattr(module, "_LARGEST_FLASH", 1 << 20)
    with pytest.raises(InvalidImage, match="/dev/zero is larger than any flash"):
        from_files(["0=/dev/zero"])


regions = st.builds(
    Region, st.sampled_from("abc"), st.integers(0, 40), st.binary(min_size=1, max_size=8)
)


@given(st.lists(regions, max_size=4))
def test_regions_overlap_or_stand_in_order(parts: list[Region]) -> None:
    bytes_used = [at for part in parts for at in range(part.offset, part.offset + part.size)]
    if len(bytes_used) != len(set(bytes_used)):
        with pytest.raises(InvalidImage, match="runs into"):
            image_of(parts, None, None)
        return
    image = image_of(parts, None, None)
    assert sorted(image.regions, key=lambda part: part.offset) == list(image.regions)
    assert image.build_id == image_of(reversed(parts), None, None).build_id
    assert len(image.build_id) == 8


def test_the_build_id_tells_places_and_bytes_apart() -> None:
    ids = {
        image_of([Region("a", offset, data)], None, None).build_id
        for offset in (0, 4096)
        for data in (b"", b"\0", b"\1")
    }
    assert len(ids) == 6
