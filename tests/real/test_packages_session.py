"""Requirements in, folders out: over a real server on loopback, into a real store."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from fbuild_watch.errors import (
    ChecksumMismatch,
    DownloadFailed,
    InvalidArchive,
    InvalidIndex,
    Offline,
    PackageNotFound,
    StoreUnusable,
    UnsafeArchive,
)
from fbuild_watch.packages import Packages, Progress, Requirements
from fbuild_watch.packages import wanted as wants

from .package_kit import (
    IMPATIENT,
    Server,
    core,
    entry,
    library,
    places,
    serving,
    tar,
    tool,
    zipped,
)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    monkeypatch.delenv("FBUILD_OFFLINE", raising=False)
    session = Packages(places(tmp_path), patience=IMPATIENT)
    yield session
    session.close()


def acme(*indexes: str, constraint: str = "") -> Requirements:
    text = f"acme:chip@{constraint}" if constraint else "acme:chip"
    return Requirements((wants.platform(text),), indexes)


def libraries(*texts: str, index: str = "", base: Path = Path()) -> Requirements:
    return Requirements(tuple(wants.library(text, base) for text in texts), (index,))


def left_behind(packages: Packages) -> list[Path]:
    """Everything in the store that is no package, lock or index."""
    places_ = packages.store.places
    return [path for folder in (places_.aside, places_.downloads) for path in folder.glob("*")]


async def test_a_platform_comes_with_its_tools(server: Server, packages: Packages) -> None:
    index = server.platform()
    seen: list[Progress] = []
    installed = await packages.ensure(acme(index), on_progress=seen.append)

    root = packages.store.places.root
    assert installed.platforms == {"acme:chip": root / "packages/acme/hardware/chip/1.0.0"}
    gcc = root / "packages/acme/tools/gcc/12-r1"
    assert installed.tools == {"gcc": gcc, "gcc-12-r1": gcc}
    assert (installed.platforms["acme:chip"] / "cores/arduino/main.cpp").is_file()
    assert (gcc / "bin/gcc").stat().st_mode & 0o777 == 0o755
    assert [one.package for one in seen if one.step == "installed"] == [
        "platform acme:chip@1.0.0", "tool acme:gcc@12-r1"]  # fmt: skip
    whole = {one.package for one in seen if one.step == "downloading" and one.done == one.total}
    assert whole == {"platform acme:chip@1.0.0", "tool acme:gcc@12-r1"}
    assert not left_behind(packages)


def two_tools(server: Server) -> str:
    """Serve a platform that needs two tools, whose answers wait for the gate; its index' URL."""
    url = server.platform()
    index = json.loads(server.replies["/package_acme_index.json"].data)
    (package,) = index["packages"]
    package["platforms"][0]["toolsDependencies"] = []
    package["tools"] = []
    for name in ("gcc", "gdb"):
        data = tool(name)
        at = server.put(f"/{name}.tar.gz", data, faults=["gate"])
        package["tools"].append({"name": name, "version": "1", "systems": [
            {"host": "all", **entry(at, data)}]})  # fmt: skip
        needed = {"packager": "acme", "name": name, "version": "1"}
        package["platforms"][0]["toolsDependencies"].append(needed)
    server.put("/package_acme_index.json", json.dumps(index).encode())
    return url


async def test_what_does_not_need_the_other_comes_at_once(
    server: Server, packages: Packages
) -> None:
    index = two_tools(server)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(packages.ensure, acme(index))
            while not (server.count("/gcc.tar.gz") and server.count("/gdb.tar.gz")):
                await trio.sleep(0.01)
            server.gate.set()
    installed = await packages.ensure(acme(index), offline=True)
    assert list(installed.tools) == ["gcc", "gcc-1", "gdb", "gdb-1"]


async def test_of_two_that_come_at_once_the_failure_is_raised_itself(
    server: Server, packages: Packages
) -> None:
    index = two_tools(server)
    server.replies["/gdb.tar.gz"].faults = ["404"]
    with trio.fail_after(20), pytest.raises(DownloadFailed, match="404"):
        await packages.ensure(acme(index))
    assert not packages.store.versions("tool", "acme", "gcc")


async def test_what_is_installed_asks_nobody(server: Server, packages: Packages) -> None:
    index = server.platform()
    first = await packages.ensure(acme(index))
    asked = len(server.requests)
    assert await packages.ensure(acme(index)) == first
    assert await packages.ensure(acme(index, constraint="^1"), offline=True) == first
    assert len(server.requests) == asked


async def test_another_version_is_installed_beside_the_first(
    server: Server, packages: Packages
) -> None:
    first = await packages.ensure(acme(server.platform("1.0.0")))
    second = await packages.ensure(acme(server.platform("2.1.0"), constraint=">=2"))
    folders = [installed.platforms["acme:chip"] for installed in (first, second)]
    assert [folder.name for folder in folders] == ["1.0.0", "2.1.0"]
    assert all((folder / "boards.txt").is_file() for folder in folders)


async def test_an_index_is_sent_once_while_it_does_not_change(
    server: Server, packages: Packages
) -> None:
    index = server.platform()
    for _ in range(2):
        with pytest.raises(PackageNotFound, match=r"versions 1\.0\.0"):
            await packages.ensure(acme(index, constraint="9"))
    again = server.requests[-1]
    assert again.path == "/package_acme_index.json"
    assert again.headers["if-none-match"] == '"1.0.0"'


async def test_offline_is_said_at_once_and_by_name(server: Server, packages: Packages) -> None:
    index = server.platform()
    with pytest.raises(Offline) as caught:
        await packages.ensure(acme(index), offline=True)
    assert "acme:chip" in str(caught.value)
    assert index in str(caught.value)
    assert str(packages.store.places.root) in str(caught.value)
    assert not server.requests


async def test_offline_by_the_environment(
    server: Server, packages: Packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FBUILD_OFFLINE", "1")
    with pytest.raises(Offline):
        await packages.ensure(acme(server.platform()))
    assert not server.requests


async def test_without_a_server_the_package_and_the_url_are_named(packages: Packages) -> None:
    with serving() as gone:
        index = gone.platform()
    with pytest.raises(DownloadFailed) as caught:
        await packages.ensure(acme(index))
    assert "acme:chip" in str(caught.value)
    assert index in str(caught.value)
    assert caught.value.fields()["tries"] == 1


async def test_a_kept_index_serves_when_its_server_is_gone(packages: Packages) -> None:
    with serving() as server:
        index = server.platform()
        with pytest.raises(PackageNotFound):
            await packages.ensure(acme(index, constraint="9"))
    with pytest.raises(DownloadFailed, match="platform acme:chip@1"):
        await packages.ensure(acme(index))


async def test_a_dead_index_does_not_matter_while_another_has_the_package(
    server: Server, packages: Packages
) -> None:
    installed = await packages.ensure(acme(server.url + "/nothing.json", server.platform()))
    assert "acme:chip" in installed.platforms


async def test_what_no_index_has_is_said_with_what_they_have(
    server: Server, packages: Packages
) -> None:
    other = Requirements((wants.platform("acme:other"),), (server.platform(),))
    with pytest.raises(PackageNotFound, match="they have acme:chip") as caught:
        await packages.ensure(other)
    assert "custom_fbuild_index" in caught.value.hint


async def test_a_tool_that_is_not_built_for_this_machine(
    server: Server, packages: Packages
) -> None:
    index = server.platform()
    reply = server.replies["/package_acme_index.json"]
    reply.data = reply.data.replace(b'"all"', b'"sparc-sun-solaris"')
    with pytest.raises(PackageNotFound, match="built for sparc-sun-solaris, not for"):
        await packages.ensure(acme(index))


@pytest.mark.parametrize("broken", [b"", b"[]", b"{}", b'{"packages": 1}', b"\xff\xfe", b"<html>"])
async def test_what_is_no_index_is_said_and_not_kept(
    server: Server, packages: Packages, broken: bytes
) -> None:
    url = server.put("/package_x_index.json", broken, etag='"bad"')
    with pytest.raises(InvalidIndex, match="package_x_index"):
        await packages.ensure(acme(url))
    assert not list(packages.store.places.indexes.glob("*_index.json"))


# --- wrong bytes ---------------------------------------------------------------------------


async def test_a_wrong_digest_is_refused_with_both_values(
    server: Server, packages: Packages
) -> None:
    index = server.platform()
    right = server.replies["/core-1.0.0.tar.gz"].data
    server.replies["/core-1.0.0.tar.gz"].data = right[:-1] + bytes([right[-1] ^ 1])
    with pytest.raises(ChecksumMismatch) as caught:
        await packages.ensure(acme(index))
    fields = caught.value.fields()
    assert fields["expected"].startswith("sha256:")
    assert fields["found"].startswith("sha256:")
    assert fields["expected"] != fields["found"]
    assert not packages.store.all()
    assert not left_behind(packages)


async def test_a_core_without_boards_is_refused(server: Server, packages: Packages) -> None:
    index = server.platform(data=tar({"x/readme": b"no core"}))
    with pytest.raises(InvalidArchive, match=r"boards\.txt"):
        await packages.ensure(acme(index))
    assert not packages.store.all()
    assert not left_behind(packages)


async def test_an_attacking_archive_leaves_nothing(server: Server, packages: Packages) -> None:
    index = server.platform(data=tar({"x/boards.txt": b"", "x/../../../evil": b"!"}))
    with pytest.raises(UnsafeArchive) as caught:
        await packages.ensure(acme(index))
    assert caught.value.fields()["member"] == "x/../../../evil"
    assert not packages.store.all()
    assert not left_behind(packages)
    assert not list(packages.store.places.root.parent.rglob("evil"))


# --- damage --------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["missing", "shorter", "other", "all gone"])
async def test_damage_is_noticed_and_repaired(
    server: Server, packages: Packages, tmp_path: Path, how: str
) -> None:
    index = server.platform()
    gcc = (await packages.ensure(acme(index))).tools["gcc"] / "bin/gcc"
    right = gcc.read_bytes()
    if how in ("missing", "all gone"):
        gcc.unlink()
    else:
        gcc.write_bytes(right[:-3] if how == "shorter" else right[:-3] + b"xyz")
    if how == "all gone":
        (gcc.parents[1] / ".fbuild-package.json").unlink()
        gcc.parent.rmdir()
    seen: list[Progress] = []
    later = Packages(places(tmp_path), patience=IMPATIENT)
    await later.ensure(acme(index), on_progress=seen.append)
    later.close()
    assert gcc.read_bytes() == right
    repaired = [one for one in seen if one.step == "repairing"]
    assert [one.package for one in repaired] == (
        [] if how == "all gone" else ["tool acme:gcc@12-r1"]
    )
    assert all("bin/gcc" in one.detail for one in repaired)


async def test_damage_that_keeps_size_and_time_is_found_when_asked_for(
    server: Server, packages: Packages
) -> None:
    index = server.platform()
    gcc = (await packages.ensure(acme(index))).tools["gcc"] / "bin/gcc"
    right, before = gcc.read_bytes(), gcc.stat()
    gcc.write_bytes(right[:-3] + b"xyz")
    os.utime(gcc, ns=(before.st_atime_ns, before.st_mtime_ns))
    await packages.ensure(acme(index))
    assert gcc.read_bytes() != right
    await packages.ensure(acme(index), verify=True)
    assert gcc.read_bytes() == right


async def test_a_touch_is_no_damage(server: Server, packages: Packages) -> None:
    index = server.platform()
    gcc = (await packages.ensure(acme(index))).tools["gcc"] / "bin/gcc"
    gcc.touch()
    asked = len(server.requests)
    await packages.ensure(acme(index))
    assert len(server.requests) == asked


async def test_what_fbuild_did_not_install_is_not_touched(
    server: Server, packages: Packages
) -> None:
    mine = packages.store.places.root / "packages/acme/hardware/chip/1.0.0/boards.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(StoreUnusable, match="not installed by fbuild"):
        await packages.ensure(acme(server.platform()))
    assert mine.read_text() == "mine"


# --- libraries -----------------------------------------------------------------------------


async def test_libraries_by_name_with_what_they_depend_on(
    server: Server, packages: Packages
) -> None:
    index = server.libraries({
        "Bus@1.0.0": library("Bus"), "Bus@2.0.0": library("Bus"),
        "Screen@1.2.0": library("Screen", depends="Bus (<2.0.0), SPI"),
    })  # fmt: skip
    installed = await packages.ensure(libraries("somebody/screen@^1.2", index=index))
    root = packages.store.places.root / "libraries"
    assert installed.libraries == (root / "Screen/1.2.0", root / "Bus/1.0.0")
    asked = len(server.requests)
    again = await packages.ensure(libraries("somebody/screen@^1.2", index=index), offline=True)
    assert again == installed
    assert len(server.requests) == asked


async def test_what_a_library_json_depends_on_comes_too(
    server: Server, packages: Packages, tmp_path: Path
) -> None:
    (tmp_path / "Local.zip").write_bytes(library("Local"))
    manifest = {"dependencies": [
        {"owner": "me", "name": "Bus", "version": "^1", "frameworks": None},
        {"name": "Foreign", "frameworks": ["espidf"]},
        {"name": "Local", "version": (tmp_path / "Local.zip").as_uri()},
        "me/Elsewhere@^2",
    ]}  # fmt: skip
    screen = zipped({"Screen/library.json": json.dumps(manifest).encode(), "Screen/Screen.h": b""})
    index = server.libraries({
        "Screen@1.0.0": screen, "Bus@1.4.0": library("Bus"), "Bus@2.0.0": library("Bus"),
        "Foreign@1.0.0": library("Foreign"),
    })  # fmt: skip
    installed = await packages.ensure(libraries("Screen", index=index))
    names = [f"{path.parent.name}/{path.name}" for path in installed.libraries]
    assert names[:2] == ["Screen/1.0.0", "Bus/1.4.0"]
    assert [path.parent.name for path in installed.libraries[2:]] == ["Local"]


async def test_a_dependency_that_is_here_is_not_asked_for(
    server: Server, packages: Packages, tmp_path: Path
) -> None:
    (tmp_path / "Screen.zip").write_bytes(library("Screen", depends="SPI, Long Name"))
    own = libraries((tmp_path / "Screen.zip").as_uri())
    here = replace(own, present=frozenset(("spi", "long_name")))
    assert len((await packages.ensure(here, offline=True)).libraries) == 1
    assert not server.requests


async def test_the_project_s_own_word_on_a_version_comes_first(
    server: Server, packages: Packages
) -> None:
    index = server.libraries({
        "Screen@1.0.0": library("Screen", depends="Bus (>=2)"),
        "Bus@1.0.0": library("Bus"), "Bus@2.0.0": library("Bus"),
    })  # fmt: skip
    installed = await packages.ensure(libraries("Screen", "Bus@1.0.0", index=index))
    assert [path.name for path in installed.libraries] == ["1.0.0", "1.0.0"]


async def test_a_core_s_own_library_is_not_asked_for_again_and_again(
    server: Server, packages: Packages
) -> None:
    index = server.libraries({"Screen@1.0.0": library("Screen", depends="SPI")})
    installed = await packages.ensure(libraries("Screen", index=index))
    asked = len(server.requests)
    assert await packages.ensure(libraries("Screen", index=index)) == installed
    assert len(server.requests) == asked
    for noted in packages.store.places.absent.iterdir():
        os.utime(noted, (0, 0))
    for kept in packages.store.places.indexes.iterdir():
        kept.unlink()
    assert await packages.ensure(libraries("Screen", index=index), offline=True) == installed
    await packages.ensure(libraries("Screen", index=index))
    assert len(server.requests) == asked + 1


async def test_a_library_by_url_file_and_folder(
    server: Server, packages: Packages, tmp_path: Path
) -> None:
    url = server.put("/archive/Blink.zip", library("Blink"))
    (tmp_path / "Local.zip").write_bytes(library("Local"))
    own = tmp_path / "Own"
    own.mkdir()
    installed = await packages.ensure(
        libraries(
            url, f"Renamed={(tmp_path / 'Local.zip').as_uri()}", "symlink://Own", base=tmp_path
        )
    )
    blink, local, folder = installed.libraries
    assert blink.parent.name == "Blink"
    assert (blink / "src/Blink.h").is_file()
    assert local.parent.name == "Renamed"
    assert (local / "src/Local.h").is_file()
    assert folder == own


async def test_a_local_archive_needs_no_network(packages: Packages, tmp_path: Path) -> None:
    (tmp_path / "core.tar.gz").write_bytes(core())
    one = wants.platform_package(f"my:core @ {(tmp_path / 'core.tar.gz').as_uri()}", tmp_path)
    installed = await packages.ensure(Requirements((one,)), offline=True)
    assert (installed.platforms["my:core"] / "boards.txt").is_file()


async def test_a_platform_by_url_and_where_it_lies(
    server: Server, packages: Packages, tmp_path: Path
) -> None:
    own = tmp_path / "mine"
    own.mkdir()
    url = server.put("/core.tar.gz", core())
    texts = (f"far:chip @ {url}", "near:chip @ symlink://mine")
    required = Requirements(tuple(wants.platform_package(text, tmp_path) for text in texts))
    installed = await packages.ensure(required)
    assert installed.platforms["near:chip"] == own
    assert (installed.platforms["far:chip"] / "boards.txt").is_file()
    own.rmdir()
    with pytest.raises(PackageNotFound, match="mine"):
        await packages.ensure(required)


async def test_a_core_in_its_repository_names_its_tools_itself(
    server: Server, packages: Packages, tmp_path: Path
) -> None:
    server.platform()
    index = json.loads(server.replies["/package_acme_index.json"].data)
    index["packages"][0]["platforms"][0].update({"version": "", "url": "", "checksum": ""})
    own = tmp_path / "mine/package"
    own.mkdir(parents=True)
    (own / "package_a_index.json").write_text("{{ no JSON }}")
    (own / "package_acme_index.template.json").write_text(json.dumps(index))
    one = wants.platform_package("fork:chip @ symlink://mine", tmp_path)
    installed = await packages.ensure(Requirements((one,)))
    assert set(installed.tools) == {"gcc", "gcc-12-r1"}
    other = wants.platform_package("fork:other @ symlink://mine", tmp_path)
    assert not (await packages.ensure(Requirements((other,)))).tools


async def test_a_tool_by_url(server: Server, packages: Packages, tmp_path: Path) -> None:
    url = server.put("/t.zip", zipped({"bin/x": b"1", "lib/y": b"2"}))
    one = wants.platform_package(f"mygcc @ {url}", tmp_path)
    installed = await packages.ensure(Requirements((one,)))
    assert (installed.tools["mygcc"] / "lib/y").read_bytes() == b"2"
