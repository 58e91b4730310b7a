"""Images by esptool's classes, held against its command line; and the image of a whole build."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fbuild_watch import image
from fbuild_watch.errors import ImageTooBig, InvalidImage, InvalidPartitions
from fbuild_watch.image import assets, esp
from fbuild_watch.model import BuildPlan, Environment, FlashSettings, Step

SCRIPT = """
ENTRY(main)
SECTIONS { .text 0x4037C000 : { *(.text*) } .data 0x3FC90000 : { *(.data*) *(.sdata*) } }
"""
TABLE = "nvs, data, nvs, , 0x6000\nmain, app, factory, , 64K\n"
COMPILERS = ("riscv64-unknown-elf-gcc", "riscv32-esp-elf-gcc")


def make_elf(folder: Path, name: str, text: str) -> Path:
    """A small RV32IMC program, by gcc or by zig, whichever is there."""
    (folder / f"{name}.c").write_text(text)
    (folder / "m.ld").write_text(SCRIPT)
    gcc = next(filter(shutil.which, COMPILERS), None)
    command = (
        [gcc, "-march=rv32imc", "-mabi=ilp32"]
        if gcc
        else [sys.executable, "-m", "ziglang", "cc", "-target", "riscv32-freestanding-none",
              "-mcpu=generic_rv32+m+c"]
    )  # fmt: skip
    arguments = ["-nostdlib", "-Wl,-T,m.ld", f"{name}.c", "-o", f"{name}.elf"]
    subprocess.run([*command, *arguments], cwd=folder, check=True)
    return folder / f"{name}.elf"


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    text = "int x = 5;\nint main(void) { return x; }\n"
    return make_elf(tmp_path_factory.mktemp("elf"), "m", text)


@pytest.mark.parametrize(
    ("chip", "flash"),
    [("esp32c3", FlashSettings()), ("esp32c3", FlashSettings("qio", "40m", "2MB")),
     ("esp32c6", FlashSettings("dio", "80m", "8MB"))],
)  # fmt: skip
def test_same_bytes_as_the_command_line(
    elf: Path, tmp_path: Path, chip: str, flash: FlashSettings, capfd: pytest.CaptureFixture[str]
) -> None:
    ours = esp.elf_to_image(elf.read_bytes(), chip, flash, "m.elf")
    assert capfd.readouterr() == ("", "")
    command = [sys.executable, "-m", "esptool", "--chip", chip, "elf2image", "--flash-mode",
               flash.mode, "--flash-freq", flash.freq, "--flash-size", flash.size,
               "-o", str(tmp_path / "m.bin"), str(elf)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    assert ours == (tmp_path / "m.bin").read_bytes()


@pytest.mark.parametrize(
    ("chip", "flash"),
    [("avr", FlashSettings()), ("", FlashSettings()), ("esp32c3", FlashSettings(mode="slow")),
     ("esp32c3", FlashSettings(freq="1m")), ("esp32c3", FlashSettings(size="3MB"))],
)  # fmt: skip
def test_settings_that_esptool_does_not_know(elf: Path, chip: str, flash: FlashSettings) -> None:
    with pytest.raises(InvalidImage, match=r"m\.elf cannot be made an image"):
        esp.elf_to_image(elf.read_bytes(), chip, flash, "m.elf")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_damaged_elf_is_an_image_or_a_typed_error(elf: Path, data: st.DataObject) -> None:
    damaged = bytearray(elf.read_bytes())
    header = st.integers(0, 51) | st.integers(max(0, len(damaged) - 600), len(damaged) - 1)
    for at in data.draw(st.lists(header, max_size=4)):
        damaged[at] = data.draw(st.integers(0, 255))
    del damaged[data.draw(st.integers(0, len(damaged)) | st.just(len(damaged))) :]
    try:
        made = esp.elf_to_image(bytes(damaged), "esp32c3", FlashSettings(), "m.elf")
    except InvalidImage:
        return
    assert made


@pytest.fixture
def plan(elf: Path, tmp_path: Path) -> BuildPlan:
    """What a finished build leaves for the image room."""
    build = tmp_path / "build"
    build.mkdir()
    shutil.copy(elf, build / "firmware.elf")
    shutil.copy(elf, build / "bootloader.elf")
    (tmp_path / "partitions.csv").write_text(TABLE)
    return BuildPlan(
        environment=Environment("e", tmp_path, tmp_path / "src", build, "t:h:b"),
        chip="esp32c3", prebuild=(), units=(), archives=(), link=Step("link", ()),
        elf=build / "firmware.elf", flash=FlashSettings(), bootloader_elf=build / "bootloader.elf",
        partitions_csv=tmp_path / "partitions.csv",
    )  # fmt: skip


def test_an_image_has_its_regions_and_is_loaded_again(plan: BuildPlan) -> None:
    made = image.make(plan)
    assert [(region.name, region.offset) for region in made.regions] == [
        ("bootloader", 0), ("partitions", 0x8000), ("app", 0x10000),
    ]  # fmt: skip
    assert (made.chip, made.elf) == ("esp32c3", plan.elf)
    assert image.load_built(plan.environment.build_dir) == made
    assert {path.name for path in plan.environment.build_dir.iterdir()} >= {
        "firmware.bin", "bootloader.bin", "partitions.bin", "flasher_args.json",
    }  # fmt: skip


def uploaded(plan: BuildPlan, *files: tuple[int, str]) -> BuildPlan:
    """The plan of a core whose own upload writes these files of the build folder."""
    build = plan.environment.build_dir
    return replace(
        plan, bootloader_elf=None, flash_files=tuple((at, build / name) for at, name in files)
    )


def test_what_a_cores_upload_writes_is_in_the_image(plan: BuildPlan, tmp_path: Path) -> None:
    build = plan.environment.build_dir
    (build / "firmware.bootloader.bin").write_bytes(b"loader")
    (tmp_path / "uf2.bin").write_bytes(b"uf2")
    own = uploaded(plan, (0, "firmware.bootloader.bin"), (0x8000, "firmware.partitions.bin"),
                   (0xE000, "boot_app0.bin"), (0x10000, "firmware.bin"), (0x200000, "../uf2.bin"))  # fmt: skip
    made = image.make(own)
    assert [(region.name, region.offset) for region in made.regions] == [
        ("bootloader", 0), ("partitions", 0x8000), ("app", 0x10000), ("uf2", 0x200000),
    ]  # fmt: skip
    assert (made.regions[0].data, made.regions[3].data) == (b"loader", b"uf2")
    assert made.regions[2] == image.make(plan).regions[2]
    assert image.make(own) == image.load_built(build) == made
    (build / "firmware.bootloader.bin").unlink()
    with pytest.raises(InvalidImage, match="neither the core has it nor the build has made it"):
        image.make(own)


def test_a_core_without_a_table_has_its_files_taken_as_they_are(plan: BuildPlan) -> None:
    build = plan.environment.build_dir
    image.make(plan)
    own = replace(uploaded(plan, (0, "firmware.bin")), app_from_elf=False, partitions_csv=None)
    (build / "firmware.bin").write_bytes(b"loader and app")
    made = image.make(own)
    assert [(region.name, region.offset, region.data) for region in made.regions] == [
        ("app", 0, b"loader and app")
    ]
    assert image.load_built(build) == made
    assert image.make(own) == made


def test_only_what_changed_is_made_again(
    plan: BuildPlan, elf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def counted(data: bytes, chip: str, flash: FlashSettings, name: str) -> bytes:
        calls.append(Path(name).name)
        return real(data, chip, flash, name)

    real = esp.elf_to_image
    monkeypatch.setattr(esp, "elf_to_image", counted)
    first = image.make(plan)
    assert image.make(plan) == first
    assert sorted(calls) == ["bootloader.elf", "firmware.elf"]
    calls.clear()
    (plan.environment.build_dir / "firmware.bin").write_bytes(b"damaged")
    assert image.make(plan) == first
    assert calls == ["firmware.elf"]
    calls.clear()
    other = image.make(replace(plan, flash=FlashSettings(mode="qio")))
    assert other.build_id != first.build_id
    assert sorted(calls) == ["bootloader.elf", "firmware.elf"]


def test_a_build_in_which_nothing_changed_does_not_import_esptool(plan: BuildPlan) -> None:
    image.make(plan)
    code = (
        "import pickle, sys; from fbuild_watch import image; "
        "image.make(pickle.load(sys.stdin.buffer)); assert not {'esptool', 'littlefs'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], input=pickle.dumps(plan), check=True)


def test_what_does_not_fit_is_told_by_how_much(plan: BuildPlan) -> None:
    assert plan.partitions_csv is not None
    plan.partitions_csv.write_text(TABLE.replace("64K", "4K"))
    text = "char x[8192] = {1};\nint main(void) { return x[0]; }\n"
    big = make_elf(plan.environment.build_dir, "big", text)
    with pytest.raises(ImageTooBig, match=r"app is .* more than partition 'main' holds \(4,096\)"):
        image.make(replace(plan, elf=big))
    with pytest.raises(ImageTooBig, match=r"bootloader is .* the space below the partition table"):
        image.make(replace(plan, bootloader_offset=0x7FF0))
    plan.partitions_csv.write_text(TABLE.replace("64K", "2M"))
    with pytest.raises(InvalidPartitions, match=r"partitions.csv:2: .* the flash at 0x200000"):
        image.make(replace(plan, flash=FlashSettings(size="2MB")))


def test_an_image_needs_a_table_an_app_and_an_elf(plan: BuildPlan) -> None:
    assert plan.partitions_csv is not None
    with pytest.raises(InvalidImage, match="the build has not made it"):
        image.make(replace(plan, elf=plan.elf.with_name("absent.elf")))
    with pytest.raises(InvalidImage, match="'big' is no size of a flash"):
        image.make(replace(plan, flash=FlashSettings(size="big")))
    plan.partitions_csv.write_text("nvs, data, nvs, , 0x6000\n")
    with pytest.raises(InvalidPartitions, match="no app partition"):
        image.make(plan)
    with pytest.raises(InvalidPartitions) as failure:
        image.make(replace(plan, partitions_csv=None))
    assert "add a partitions.csv" in failure.value.hint


def test_merged_is_esptools(plan: BuildPlan, tmp_path: Path) -> None:
    made = image.make(plan)
    path = image.write_merged(made, plan.environment.build_dir)
    places = [
        word for region in made.regions
        for word in (hex(region.offset), str(tmp_path / f"{region.name}.part"))
    ]  # fmt: skip
    for region in made.regions:
        (tmp_path / f"{region.name}.part").write_bytes(region.data)
    command = [sys.executable, "-m", "esptool", "--chip", "esp32c3", "merge-bin", "-o",
               str(tmp_path / "theirs.bin"), *places]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    assert path.read_bytes() == (tmp_path / "theirs.bin").read_bytes()
    stamp = path.stat().st_mtime_ns
    assert image.write_merged(made, plan.environment.build_dir).stat().st_mtime_ns == stamp


def with_assets(plan: BuildPlan) -> BuildPlan:
    """A data folder, and a partition for it."""
    assert plan.partitions_csv is not None
    plan.partitions_csv.write_text(f"{TABLE}files, data, spiffs, , 256K\n")
    data = plan.environment.project_dir / "data"
    return replace(plan, environment=replace(plan.environment, data_dir=data))


def test_the_data_folder_is_part_of_the_image(
    plan: BuildPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = with_assets(plan)
    data, build = plan.environment.project_dir / "data", plan.environment.build_dir
    names = [region.name for region in image.make(plan).regions]
    bare = image.make(plan)
    assert names == ["bootloader", "partitions", "app"]  # no folder, no region
    (data / "www").mkdir(parents=True)
    (data / "www" / "index.html").write_text("<p>" * 3000)
    first = image.make(plan)
    assert [region.offset for region in first.regions if region.name == "assets"] == [0x20000]
    assert image.load_built(build) == first

    monkeypatch.setattr(assets, "regions", None)  # from here on it must not be called
    assert image.make(plan) == first
    monkeypatch.undo()
    (data / "www" / "index.html").write_text("<b>" * 3000)
    second = image.make(plan)
    assert second.build_id != first.build_id
    assert [region for region in second.regions if not region.name.startswith("assets")] == list(
        bare.regions
    )
    assert plan.partitions_csv is not None
    plan.partitions_csv.write_text(f"{TABLE}nvs2,data,nvs,,4K\nfiles, data, spiffs, , 256K\n")
    assert "assets" in {
        region.name for region in image.make(plan).regions if region.offset == 0x21000
    }

    assets_of = [region for region in image.make(plan).regions if region.name == "assets"]
    (data / "www" / "index.html").unlink()
    emptied = image.make(plan)
    assert [region.name for region in emptied.regions] == [*names, "assets"]
    assert emptied.regions[-1:] != tuple(assets_of)  # the files that went go from the board too
    shutil.rmtree(data)
    assert image.make(plan) == emptied
    plan.partitions_csv.write_text(TABLE)
    assert [region.name for region in image.make(plan).regions] == names
    assert not list(build.glob("assets*"))


OTA = "otadata, data, ota, , 8K\none, app, ota_0, 0x10000, 64K\ntwo, app, ota_1, , 64K\n"


def test_the_ota_data_names_the_app_that_was_flashed(plan: BuildPlan, tmp_path: Path) -> None:
    assert plan.partitions_csv is not None
    plan.partitions_csv.write_text(OTA)
    core = tmp_path / "core"
    (core / "tools" / "partitions").mkdir(parents=True)
    plan = replace(plan, read_from=(core / "boards.txt",))
    made = image.make(plan)
    ota = next(region for region in made.regions if region.name == "ota_data")
    assert (ota.offset, ota.data) == (0x9000, b"\xff" * 0x2000)
    build = plan.environment.build_dir
    assert image.load_built(build) == made
    args = json.loads((build / "flasher_args.json").read_text())
    assert args["flash_files"]["0x9000"] == args["otadata"]["file"] == "ota_data.bin"

    first = b"\1\0\0\0" + b"\xff" * 24 + bytes.fromhex("9a984347")
    (core / "tools" / "partitions" / "boot_app0.bin").write_bytes(first)
    made = image.make(plan)
    assert made.regions[2].data == first.ljust(0x2000, b"\xff")
    plan.partitions_csv.write_text(OTA.replace("ota_0", "factory"))  # it names a slot, not factory
    assert image.make(plan).regions[2].data == b"\xff" * 0x2000


def test_files_need_a_partition(plan: BuildPlan) -> None:
    plan = with_assets(plan)
    assert plan.partitions_csv is not None
    plan.partitions_csv.write_text(TABLE)
    (plan.environment.project_dir / "data").mkdir()
    (plan.environment.project_dir / "data" / "a").touch()
    with pytest.raises(InvalidPartitions, match="no partition is for files") as failure:
        image.make(plan)
    assert "littlefs" in failure.value.hint
