"""An environment whose core is nowhere: it is installed, planned with, and said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fbuild_watch import project
from fbuild_watch.errors import (
    InvalidProject,
    Offline,
    PackageNotFound,
    UnknownBoard,
    UnsupportedPackage,
)
from fbuild_watch.model import BuildPlan, Environment, Installed
from fbuild_watch.project import planner
from fbuild_watch.provision import Provision, spoken

from .package_kit import Server, entry, library, serving, tar

PLATFORM = """name=Acme
version=1.0.0
compiler.path={runtime.tools.gcc.path}/bin/
recipe.c.o.pattern="{compiler.path}gcc" -c {includes} "{source_file}" -o "{object_file}"
recipe.cpp.o.pattern="{compiler.path}gcc" -c {includes} "{source_file}" -o "{object_file}"
recipe.S.o.pattern="{compiler.path}gcc" -c {includes} "{source_file}" -o "{object_file}"
recipe.ar.pattern="{compiler.path}gcc" "{archive_file_path}" "{object_file}"
recipe.c.combine.pattern="{compiler.path}gcc" {object_files} -o "{build.path}/x.elf"
"""
CORE = tar({
    "core/boards.txt": b"testboard.name=Test\ntestboard.build.core=a\ntestboard.build.mcu=x\n",
    "core/platform.txt": PLATFORM.encode(),
    "core/cores/a/main.cpp": b"int main() { return 0; }\n",
    "core/cores/a/Arduino.h": b"#pragma once\n",
    "core/libraries/SPI/library.properties": b"name=SPI\nversion=1\n",
    "core/libraries/SPI/src/SPI.h": b"#pragma once\n",
})  # fmt: skip


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FBUILD_PACKAGES_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("ARDUINO_DIRECTORIES_USER", str(tmp_path / "sketchbook"))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "nothing"))
    monkeypatch.delenv("FBUILD_OFFLINE", raising=False)
    return tmp_path / "store"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def environment(tmp_path: Path, *lines: str, board: str = "acme:chip:testboard") -> Environment:
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src/main.cpp").write_text('#include "Arduino.h"\nvoid setup() {}\nvoid loop() {}\n')
    text = "\n".join(["[env:main]", f"board = {board}", *lines])
    (folder / "platformio.ini").write_text(text + "\n")
    return project.load(folder)


async def provided(found: Environment, said: list[str] | None = None) -> Installed:
    return await Provision().provide(found, spoken((said if said is not None else []).append))


async def test_a_core_that_is_nowhere_is_installed_and_planned_with(
    server: Server, tmp_path: Path, store: Path
) -> None:
    found = environment(tmp_path, f"custom_fbuild_index = {server.platform(data=CORE)}")
    with pytest.raises(UnknownBoard):
        planner.plan(found)
    said: list[str] = []
    plan = planner.plan(found, await provided(found, said))
    assert isinstance(plan, BuildPlan)
    tool = store / "packages/acme/tools/gcc/12-r1/bin/gcc"
    assert {unit.argv[0] for unit in plan.units} == {str(tool)}
    assert any("downloading platform acme:chip@1.0.0" in line for line in said)
    assert any("installed tool acme:gcc@12-r1" in line for line in said)


async def test_the_same_requirements_are_looked_at_once(server: Server, tmp_path: Path) -> None:
    found = environment(tmp_path, f"custom_fbuild_index = {server.platform(data=CORE)}")
    provision = Provision()
    first = await provision.provide(found, lambda _step: None)
    asked = len(server.requests)
    assert await provision.provide(found, lambda _step: None) is first
    assert len(server.requests) == asked


async def test_what_the_project_has_itself_is_used_unasked(server: Server, tmp_path: Path) -> None:
    found = environment(tmp_path, f"custom_fbuild_index = {server.platform(data=CORE)}")
    own = tmp_path / "project/hardware/acme/chip"
    own.mkdir(parents=True)
    (own / "boards.txt").write_text("testboard.name=Own\n")
    assert await provided(found) == Installed()
    assert not server.requests


async def test_a_platform_that_is_named_without_a_version_is_the_one_that_is_here(
    server: Server, tmp_path: Path
) -> None:
    index = f"custom_fbuild_index = {server.platform(data=CORE)}"
    found = environment(tmp_path, index, "platform_packages = acme:chip", "platform = acme:chip")
    own = tmp_path / "sketchbook/hardware/acme/chip"
    own.mkdir(parents=True)
    (own / "boards.txt").write_text("testboard.name=Here\n")
    assert await provided(found) == Installed()
    (own / "boards.txt").unlink()
    assert (await provided(found)).platforms["acme:chip"].name == "1.0.0"


@pytest.mark.parametrize("is_here", [True, False])
async def test_a_platform_that_is_borrowed_from_is_installed_too(
    server: Server, tmp_path: Path, is_here: bool
) -> None:
    lender = json.loads(server.replies[urlsplit(server.platform()).path].data)["packages"][0]
    own = {"boards.txt": b"two.name=Two\ntwo.build.core=acme:arduino\ntwo.upload.tool=acme:up\n"}
    borrower = tar({f"b/{name}": data for name, data in own.items()})
    entries = entry(server.put("/b.tar.gz", borrower), borrower)
    platform = {"architecture": "chip", "version": "1", **entries}
    index = {"packages": [lender, {"name": "borrower", "platforms": [platform]}]}
    url = server.put("/package_both_index.json", json.dumps(index).encode())
    if is_here:
        place = tmp_path / "sketchbook/hardware/borrower/chip"
        place.mkdir(parents=True)
        (place / "boards.txt").write_bytes(own["boards.txt"])
    found = environment(tmp_path, f"custom_fbuild_index = {url}", board="borrower:chip:two")
    installed = await provided(found)
    assert set(installed.platforms) == {"acme:chip"} | (set() if is_here else {"borrower:chip"})
    assert "gcc" in installed.tools


async def test_a_platform_that_is_borrowed_from_and_nobody_has_is_named_by_the_plan(
    tmp_path: Path,
) -> None:
    place = tmp_path / "sketchbook/hardware/borrower/chip"
    place.mkdir(parents=True)
    (place / "boards.txt").write_text("two.name=Two\ntwo.build.core=acme:arduino\n")
    found = environment(tmp_path, board="borrower:chip:two")
    assert await provided(found) == Installed()
    with pytest.raises(InvalidProject, match="needs acme:arduino"):
        planner.plan(found)


async def test_a_pinned_version_is_installed_although_another_is_here(
    server: Server, tmp_path: Path
) -> None:
    index = server.platform("1.4.0", data=CORE)
    found = environment(
        tmp_path, f"custom_fbuild_index = {index}", "platform_packages = acme:chip@1.4.0"
    )
    own = tmp_path / "sketchbook/hardware/acme/chip"
    own.mkdir(parents=True)
    (own / "boards.txt").write_text("testboard.name=Old\n")
    assert (await provided(found)).platforms["acme:chip"].name == "1.4.0"


async def test_libraries_come_too_but_not_those_within_reach(
    server: Server, tmp_path: Path
) -> None:
    platform = server.platform(data=CORE)
    libraries = server.libraries({"Blinker@1.0.0": library("Blinker")})
    found = environment(
        tmp_path,
        f"custom_fbuild_index = {platform}, {libraries}",
        "lib_deps =", "  SPI", "  someone/Blinker@^1", "  Mine", "  Long named library",
    )  # fmt: skip
    (tmp_path / "project/lib/Mine").mkdir(parents=True)
    own = tmp_path / "sketchbook/libraries/other"
    own.mkdir(parents=True)
    (own / "library.properties").write_text("name=Long Named Library\n")
    (own / "long.h").touch()
    installed = await provided(found)
    assert [folder.parent.name for folder in installed.libraries] == ["Blinker"]


async def test_what_platformio_has_installed_is_used_in_a_version_that_would_do(
    server: Server, tmp_path: Path
) -> None:
    index = f"custom_fbuild_index = {server.platform(data=CORE)}, {server.libraries({})}"
    own = tmp_path / "project/.pio/libdeps/main/Only PlatformIO has it"
    own.mkdir(parents=True)
    (own / "library.json").write_text('{"name": "Only PlatformIO has it", "version": "1.4.0"}')
    (own / "only.h").touch()
    found = environment(tmp_path, index, "lib_deps = me/Only PlatformIO has it @ ^1.2")
    (tmp_path / "project/src/main.cpp").write_text("#include <only.h>\n")
    installed = await provided(found)
    assert installed.libraries == ()
    plan = planner.plan(found, installed)
    assert isinstance(plan, BuildPlan)
    assert any(str(own) in words for words in plan.libraries)
    with pytest.raises(PackageNotFound):
        await provided(environment(tmp_path, index, "lib_deps = me/Only PlatformIO has it @ ^2"))


async def test_a_vendor_that_nobody_knows_is_left_to_the_plan(tmp_path: Path) -> None:
    found = environment(tmp_path, board="nobody:knows:this")
    assert await provided(found) == Installed()


async def test_a_known_vendor_is_asked_for_by_its_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FBUILD_OFFLINE", "1")
    with pytest.raises(Offline) as caught:
        await provided(environment(tmp_path, board="esp32dev"))
    assert "esp32:esp32" in str(caught.value)
    assert "package_esp32_index.json" in str(caught.value)


async def test_a_board_that_nobody_knows_yet_is_of_the_core_of_its_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FBUILD_OFFLINE", "1")
    line = "platform = platformio/espressif32 @ ^6.5"
    with pytest.raises(Offline, match="esp32:esp32"):
        await provided(environment(tmp_path, line, board="newest_board"))
    assert (
        await provided(environment(tmp_path, "platform = own", board="newest_board")) == Installed()
    )


async def test_what_the_projects_own_libraries_depend_on_is_installed(
    server: Server, tmp_path: Path
) -> None:
    """As PlatformIO does it: with an owner or a URL, and not where the name is here already."""
    server.libraries({"Far@1.2.0": library("Far"), "Plain@1.0.0": library("Plain")})
    by_url = server.put("/url.zip", library("ByUrl"))
    index = f"custom_fbuild_index = {server.platform(data=CORE)} {server.url}/library_index.json"
    found = environment(tmp_path, index)
    wanted = [{"owner": "me", "name": "Far", "version": "^1"}, {"name": "Plain"}, "SPI",
              "me/Near@^9", {"name": "ByUrl", "version": by_url}]  # fmt: skip
    for name, manifest in (("One", {"dependencies": wanted}), ("Near", {"dependencies": ["SPI"]})):
        folder = tmp_path / "project/lib" / name
        folder.mkdir(parents=True)
        (folder / "library.json").write_text(json.dumps(manifest))
        (folder / f"{name}.h").touch()
    assert [path.parent.name for path in (await provided(found)).libraries] == ["Far", "ByUrl"]
    (tmp_path / "project/lib/One/library.json").write_text(
        json.dumps({"dependencies": [{"name": "me/Gone", "version": f"{server.url}/gone.zip"}]})
    )
    assert (await provided(found)).libraries == ()
    (tmp_path / "project/lib/One/library.json").unlink()
    asked = len(server.requests)
    assert (await provided(found)).libraries == ()
    assert len(server.requests) == asked


async def test_a_library_that_is_none_of_arduinos_index_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedPackage, match="5404") as caught:
        await provided(environment(tmp_path, "lib_deps = 5404"))
    assert "library index" in caught.value.hint
