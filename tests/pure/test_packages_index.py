"""Index files, what servers' answers mean, and what an index says of a download."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.errors import InvalidIndex
from fbuild_watch.packages import known, library_index, package_index
from fbuild_watch.packages.answers import (
    Body,
    Passing,
    Refusal,
    Restart,
    Unchanged,
    judge,
    version_of,
)
from fbuild_watch.packages.hosts import Host
from fbuild_watch.packages.package_index import ToolName
from fbuild_watch.packages.resource import Digest

URL = "https://example.org/package_x_index.json"
SHA = "ab" * 32
LINUX = Host("linux", "amd64")
FILE = {"url": "https://example.org/x.zip", "archiveFileName": "x.zip",
        "checksum": f"SHA-256:{SHA}", "size": "12345"}  # fmt: skip


def index(**changes: Any) -> package_index.PackageIndex:
    platform = {"name": "X", "architecture": "avr", "version": "1.0.0", "category": "C",
                "boards": [{"name": "B"}], "help": {"online": ""}, **FILE,
                "toolsDependencies": [{"packager": "x", "name": "gcc", "version": "7-a"}],
                **changes}  # fmt: skip
    tool = {"name": "gcc", "version": "7-a", "systems": [
        {"host": "i686-mingw32", **FILE, "url": "https://example.org/win.zip"},
        {"host": "x86_64-linux-gnu", **FILE, "size": 99}]}  # fmt: skip
    document = {"packages": [{"name": "x", "maintainer": "m", "email": "e", "websiteURL": "w",
                              "platforms": [platform, {**platform, "version": "1.1.0"}],
                              "tools": [tool]}]}  # fmt: skip
    return package_index.parse(json.dumps(document).encode(), URL)


def test_platforms_and_their_tools() -> None:
    first, second = index().platforms("x", "avr")
    assert (first.version, second.version) == ("1.0.0", "1.1.0")
    assert first.tools == (ToolName("x", "gcc", "7-a"),)
    found = index().resource("x", first.archive)
    assert (found.size, found.digest) == (12345, Digest("sha256", SHA))


def test_the_tool_for_a_host() -> None:
    name = ToolName("x", "gcc", "7-a")
    found = index().tool(name, LINUX)
    assert found is not None
    assert (found.url, found.size) == (FILE["url"], 99)
    assert index().tool(name, Host("darwin", "arm64")) is None
    assert index().tool(ToolName("x", "gcc", "8"), LINUX) is None
    assert index().hosts_of(name) == ["i686-mingw32", "x86_64-linux-gnu"]


@pytest.mark.parametrize("checksum", ["", "SHA-256:", "SHA-256:xyz", f"SHA-3:{SHA}", SHA, "MD5:ab"])
def test_an_entry_without_a_digest_is_not_downloaded(checksum: str) -> None:
    release = index(checksum=checksum).platforms("x", "avr")[0]
    with pytest.raises(InvalidIndex, match="checksum"):
        index().resource("x", release.archive)


def test_a_byte_order_mark_and_nulls_are_borne() -> None:
    data = b'\xef\xbb\xbf{"packages": [{"name": "x", "platforms": null, "tools": null}]}'
    read = package_index.parse(data, URL)
    assert read.platforms("x", "avr") == []
    assert read.names() == []


@pytest.mark.parametrize(
    ("size", "known"), [(12, 12), ("12", 12), (None, None), ("", None), ("12 kB", None), (0, None)]
)
def test_a_size_may_be_written_in_any_way_or_be_left_out(
    size: int | str | None, known: int | None
) -> None:
    entry = {**FILE, "size": size}
    platform = {"architecture": "avr", "version": "1", "deprecated": True, **entry,
                "discoveryDependencies": [{"packager": "x", "name": "y"}]}  # fmt: skip
    document = {"packages": [{"name": "x", "platforms": [platform]}]}
    read = package_index.parse(json.dumps(document).encode(), URL)
    (release,) = read.platforms("x", "avr")
    assert read.resource("core", release.archive).size == known


@given(st.binary(max_size=60))
def test_what_is_no_index_is_said(data: bytes) -> None:
    for parse in (package_index.parse, library_index.parse):
        with pytest.raises(InvalidIndex):
            parse(data, URL)


def test_libraries_by_name_without_regard_to_capitals() -> None:
    document = {"libraries": [{"name": "Servo", "version": "1.0", "author": "a", **FILE,
                               "dependencies": [{"name": "Bus"}]}]}  # fmt: skip
    read = library_index.parse(json.dumps(document).encode(), URL)
    assert [release.version for release in read.releases("sERVO")] == ["1.0"]
    assert read.releases("Other") == []
    assert read.resource(read.releases("Servo")[0]).url == FILE["url"]


def test_the_known_indexes_are_urls_of_index_files() -> None:
    for vendor, url in known.INDEXES.items():
        assert vendor == vendor.lower()
        assert url.startswith("https://")
        assert url.rpartition("/")[2].startswith("package_")
        assert url.endswith("index.json")
    assert known.indexes_for("STMicroelectronics") != ()
    assert known.indexes_for("nobody") == ()


def rest(text: str, **more: str) -> dict[str, str]:
    return {"content-range": text, **more}


@pytest.mark.parametrize(
    ("status", "headers", "offset", "expected"),
    [
        (200, {}, 0, Body(0)),
        (200, {}, 100, Body(0)),
        (206, rest("bytes 100-199/200"), 100, Body(100)),
        (206, rest("bytes 100-199/*", etag='"v"'), 100, Body(100)),
        (304, {}, 0, Unchanged()),
    ],
)
def test_answers_that_go_on(
    status: int, headers: dict[str, str], offset: int, expected: object
) -> None:
    assert judge(status, "", headers, offset, '"v"') == expected


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (206, {}), (206, rest("bytes 0-199/200")), (206, rest("bytes 101-199/200")),
        (206, rest("100-199")), (206, rest("bytes 100-199/200", etag='"w"')),
        (416, rest("bytes */100")),
    ],
)  # fmt: skip
def test_answers_that_start_anew(status: int, headers: dict[str, str]) -> None:
    assert isinstance(judge(status, "", headers, 100, '"v"'), Restart)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_answers_that_pass(status: int) -> None:
    assert judge(status, "Busy", {"retry-after": "3"}, 0, "") == Passing(f"{status} Busy", 3.0)
    late = judge(status, "", {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0, "")
    assert late == Passing(str(status), 0.0)
    long = judge(status, "", {"retry-after": "99999"}, 0, "")
    assert isinstance(long, Passing)
    assert long.wait_s <= 10


@pytest.mark.parametrize("status", [201, 204, 400, 401, 403, 404, 410, 451, 501])
def test_answers_that_end_it(status: int) -> None:
    assert isinstance(judge(status, "", {}, 0, ""), Refusal)


def test_what_may_stand_in_if_range() -> None:
    assert version_of({"etag": '"a"', "last-modified": "x"}) == '"a"'
    assert version_of({"etag": 'W/"a"', "last-modified": "x"}) == "x"
    assert version_of({}) == ""
