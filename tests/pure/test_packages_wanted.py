"""What people write in lib_deps and platform_packages, and the places that packages get."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.errors import UnsupportedPackage
from fbuild_watch.packages import sources, wanted
from fbuild_watch.packages.identity import Identity, version_of_url
from fbuild_watch.packages.sources import Source
from fbuild_watch.packages.wanted import Wanted

BASE = Path("/project")
ZIP = "https://example.org/a/Some-Lib-1.2.zip"


@pytest.mark.parametrize(
    ("text", "name", "constraint"),
    [
        ("Servo", "Servo", ""),
        ("Servo@1.2.1", "Servo", "1.2.1"),
        ("arduino-libraries/Servo @ ^1.2", "Servo", "^1.2"),
        ("Adafruit GFX Library@>=1.10,<2", "Adafruit GFX Library", ">=1.10,<2"),
        ("bblanchon/ArduinoJson@~7.0", "ArduinoJson", "~7.0"),
    ],
)
def test_libraries_of_an_index(text: str, name: str, constraint: str) -> None:
    assert wanted.library(text, BASE) == Wanted("library", name, constraint)


@pytest.mark.parametrize(
    ("text", "name", "source"),
    [
        (ZIP, "Some-Lib-1.2", Source("archive", ZIP)),
        (f"Mine={ZIP}", "Mine", Source("archive", ZIP)),
        (f"Mine @ {ZIP}", "Mine", Source("archive", ZIP)),
        ("https://github.com/o/Repo", "Repo", Source("git", "https://github.com/o/Repo")),
        ("https://github.com/o/Repo.git#v1", "Repo",
         Source("git", "https://github.com/o/Repo.git", "v1")),
        ("git+https://example.org/x/y#abc", "y", Source("git", "https://example.org/x/y", "abc")),
        ("git@github.com:o/Repo.git#main", "Repo", Source("git", "git@github.com:o/Repo.git", "main")),
        ("ssh://git@example.org/o/r.git", "r", Source("git", "ssh://git@example.org/o/r.git")),
        ("https://github.com/o/r/archive/v1.tar.gz", "v1",
         Source("archive", "https://github.com/o/r/archive/v1.tar.gz")),
        ("file:///tmp/no%20such/lib.tar.xz", "lib",
         Source("archive", "file:///tmp/no%20such/lib.tar.xz")),
        ("symlink://../shared/Foo", "Foo", Source("folder", "/shared/Foo")),
    ],
)  # fmt: skip
def test_libraries_by_url(text: str, name: str, source: Source) -> None:
    assert wanted.library(text, BASE) == Wanted("library", name, source=source)


def test_a_path_that_is_there_is_a_library_and_no_owner(tmp_path: Path) -> None:
    (tmp_path / "shared" / "Foo").mkdir(parents=True)
    (tmp_path / "Foo.zip").touch()
    folder = Source("folder", str(tmp_path / "shared" / "Foo"))
    assert wanted.library("shared/Foo", tmp_path) == Wanted("library", "Foo", source=folder)
    assert wanted.library("shared/Bar", tmp_path) == Wanted("library", "Bar")
    here = wanted.library("./shared/../shared/Foo", tmp_path)
    assert here == Wanted("library", "Foo", source=folder)
    missing = wanted.library("../shared/Bar", tmp_path).source
    assert missing == Source("folder", str(tmp_path.parent / "shared" / "Bar"))
    archive = wanted.library("./Foo.zip", tmp_path).source
    assert archive == Source("archive", (tmp_path / "Foo.zip").as_uri())


@pytest.mark.parametrize(
    "text", ["13", "", "Servo@newest", "hg+https://example.org/x", "ftp://x/y", "X=https://a/b c"]
)
def test_libraries_that_cannot_be_had(text: str) -> None:
    with pytest.raises(UnsupportedPackage) as caught:
        wanted.library(text, BASE)
    assert "library index" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("arduino:avr", Wanted("platform", "arduino:avr")),
        ("esp32:esp32@^3", Wanted("platform", "esp32:esp32", "^3")),
        (f"my:core @ {ZIP}", Wanted("platform", "my:core", source=Source("archive", ZIP))),
        (f"mygcc@{ZIP}", Wanted("tool", "mygcc", source=Source("archive", ZIP))),
        (f"framework-arduinoespressif32 @ {ZIP}",
         Wanted("platform", "esp32:esp32", source=Source("archive", ZIP))),
        (f"platformio/framework-arduino-avr@{ZIP}",
         Wanted("platform", "arduino:avr", source=Source("archive", ZIP))),
    ],
)  # fmt: skip
def test_platform_packages(text: str, expected: Wanted) -> None:
    assert wanted.platform_package(text, BASE) == expected


@pytest.mark.parametrize("text", ["toolchain-atmelavr@1.2", "platformio/tool-x", ZIP, "a:b@newest"])
def test_platform_packages_that_cannot_be_had(text: str) -> None:
    with pytest.raises(UnsupportedPackage):
        wanted.platform_package(text, BASE)


def test_an_environment_s_options() -> None:
    read = wanted.read(
        ["a:b"], ["X"], "https://one.example/i.json,\nhttps://two.example/j.json", BASE
    )
    assert [one.kind for one in read.packages] == ["platform", "library"]
    assert read.indexes == ("https://one.example/i.json", "https://two.example/j.json")


@given(st.text(max_size=40))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    for read in (wanted.library, wanted.platform_package):
        try:
            read(text, BASE)
        except UnsupportedPackage:
            continue


@given(st.text(max_size=40))
def test_no_url_is_too_odd(text: str) -> None:
    for form in (text, f"http://{text}", f"file://{text}", f"git+https://{text}"):
        sources.parse(form, BASE)
        sources.local_path(form)
        sources.file_name(form)


def test_places_are_arduino_s() -> None:
    places = [
        Identity("platform", "esp32", "esp32", "3.0.1"),
        Identity("tool", "esp32", "esptool_py", "4.6"),
        Identity("library", "libraries", "Adafruit GFX Library", "1.0"),
    ]
    assert [str(one.place) for one in places] == [
        "packages/esp32/hardware/esp32/3.0.1",
        "packages/esp32/tools/esptool_py/4.6",
        "libraries/Adafruit_GFX_Library/1.0",
    ]


NAMES = st.text(max_size=12) | st.sampled_from(["..", ".", "/", "../..", "a/b", "C:\\", "\0"])


@given(st.sampled_from(["platform", "tool", "library"]), NAMES, NAMES, NAMES)
def test_no_name_leads_out_of_the_store(kind: str, vendor: str, name: str, version: str) -> None:
    place = Identity(kind, vendor, name, version).place  # type: ignore[arg-type]
    assert not place.is_absolute()
    assert len(place.parts) == (3 if kind == "library" else 5)
    assert all(part and not part.startswith(".") for part in place.parts)
    assert PurePosixPath(*place.parts) == place


def test_urls_have_versions_of_their_own() -> None:
    assert version_of_url(ZIP) == version_of_url(ZIP) != version_of_url(ZIP + "?")
