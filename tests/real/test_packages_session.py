"""Requirements in, folders out: over a real server on loopback, into a real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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

from .package_kit import IMPATIENT, Server, core, library, places, serving, tar, zipped


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
    assert any(one.step == "downloading" and one.done == one.total for one in seen)
    assert not left_behind(packages)
