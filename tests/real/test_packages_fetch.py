"""Downloads over a real HTTP server that fails in every way we know."""

from __future__ import annotations

import hashlib
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from fbuild_watch.errors import ChecksumMismatch, DownloadFailed
from fbuild_watch.packages.fetch import Fetcher
from fbuild_watch.packages.progress import Progress, ignore
from fbuild_watch.packages.resource import Digest, Resource

from .package_kit import IMPATIENT, Server, serving

DATA = random.Random(1).randbytes(300_000)
OTHER = random.Random(2).randbytes(300_000)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def resource(url: str, data: bytes = DATA, *, known: bool = True) -> Resource:
    """The file as an index announces it; `known` False: only its URL."""
    if not known:
        return Resource("tool x", url)
    return Resource("tool x", url, len(data), Digest("sha256", hashlib.sha256(data).hexdigest()))


async def fetch(wanted: Resource, into: Path) -> bytes:
    async with Fetcher(ignore, IMPATIENT) as fetcher:
        return (await fetcher.download(wanted, into)).read_bytes()


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def ranges(server: Server, path: str = "/f") -> list[str]:
    """What ranges were asked for, one text for each request."""
    return [one.headers.get("range", "") for one in server.requests if one.path == path]


@pytest.mark.parametrize("fault", ["drop", "stall"])
async def test_what_breaks_off_is_continued(server: Server, tmp_path: Path, fault: str) -> None:
    url = server.put("/f", DATA, faults=[fault], etag='"v1"')
    assert await fetch(resource(url), tmp_path / "f") == DATA
    assert ranges(server) == ["", "bytes=150000-"]
    assert server.requests[1].headers["if-range"] == '"v1"'


async def test_it_is_continued_by_the_next_process_too(server: Server, tmp_path: Path) -> None:
    url = server.put("/f", DATA, faults=["drop", "503", "503", "503"], etag='"v1"')
    with pytest.raises(DownloadFailed):
        await fetch(resource(url), tmp_path / "f")
    assert await fetch(resource(url), tmp_path / "f") == DATA
    assert ranges(server)[-1] == "bytes=150000-"


async def test_without_a_version_only_a_digest_lets_it_continue(
    server: Server, tmp_path: Path
) -> None:
    url = server.put("/f", DATA, faults=["drop"])
    assert await fetch(resource(url), tmp_path / "f") == DATA
    assert ranges(server) == ["", "bytes=150000-"]
    url = server.put("/g", DATA, faults=["drop"])
    assert await fetch(resource(url, known=False), tmp_path / "g") == DATA
    assert ranges(server, "/g") == ["", ""]


@pytest.mark.parametrize("status", ["500", "502", "503", "429"])
async def test_a_passing_failure_is_tried_again(
    server: Server, tmp_path: Path, status: str
) -> None:
    url = server.put("/f", DATA, faults=[status, status])
    assert await fetch(resource(url), tmp_path / "f") == DATA
    assert server.count("/f") == 3


async def test_failures_end(server: Server, tmp_path: Path) -> None:
    url = server.put("/f", DATA, faults=["500"] * 50)
    with pytest.raises(DownloadFailed, match="500") as caught:
        await fetch(resource(url), tmp_path / "f")
    assert caught.value.fields()["tries"] == IMPATIENT.tries == server.count("/f")


async def test_each_piece_that_comes_starts_the_count_anew(server: Server, tmp_path: Path) -> None:
    url = server.put("/f", DATA, faults=["drop"] * 8, etag='"v1"')
    assert await fetch(resource(url), tmp_path / "f") == DATA
    assert server.count("/f") == 9


async def test_a_refusal_is_not_tried_again(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="404") as caught:
        await fetch(resource(server.url + "/none"), tmp_path / "f")
    assert caught.value.fields()["tries"] == 1


async def test_a_wrong_range_starts_anew(server: Server, tmp_path: Path) -> None:
    url = server.put("/f", DATA, faults=["drop", "wrong range"], etag='"v1"')
    assert await fetch(resource(url), tmp_path / "f") == DATA
    assert ranges(server) == ["", "bytes=150000-", ""]


async def test_a_server_without_ranges_starts_anew(server: Server, tmp_path: Path) -> None:
    url = server.put("/f", DATA, faults=["drop"], etag='"v1"', ranges=False)
    assert await fetch(resource(url), tmp_path / "f") == DATA
    assert server.count("/f") == 2


async def test_a_file_that_changes_between_two_answers(server: Server, tmp_path: Path) -> None:
    url = server.put("/f", OTHER, faults=["drop"], etag='"v1"', then=DATA)
    assert await fetch(resource(url), tmp_path / "f") == DATA
    assert server.requests[1].headers["if-range"] == '"v1"'


async def test_one_that_changes_unseen_is_fetched_once_more(server: Server, tmp_path: Path) -> None:
    url = server.put("/f", OTHER, faults=["drop"], then=DATA)
    assert await fetch(resource(url), tmp_path / "f") == DATA
    assert ranges(server) == ["", "bytes=150000-", ""]


async def test_a_wrong_file_is_fetched_once(server: Server, tmp_path: Path) -> None:
    url = server.put("/f", OTHER)
    with pytest.raises(ChecksumMismatch):
        await fetch(resource(url), tmp_path / "f")
    assert server.count("/f") == 1
    assert not left_in(tmp_path)


async def test_more_than_announced_is_cut_off(server: Server, tmp_path: Path) -> None:
    url = server.put("/f", DATA + OTHER)
    with pytest.raises(DownloadFailed, match="larger than the 300,000 bytes"):
        await fetch(resource(url), tmp_path / "f")
    assert not left_in(tmp_path)


async def test_less_than_announced_is_said(server: Server, tmp_path: Path) -> None:
    url = server.put("/f", DATA[:-1])
    with pytest.raises(DownloadFailed, match=r"299,999 of 300,000|416|range"):
        await fetch(resource(url), tmp_path / "f")


async def test_chunks_without_a_length(server: Server, tmp_path: Path) -> None:
    url = server.put("/f", DATA, chunked=True)
    seen: list[Progress] = []
    async with Fetcher(seen.append, IMPATIENT) as fetcher:
        path = await fetcher.download(resource(url, known=False), tmp_path / "f")
    assert path.read_bytes() == DATA
    assert seen[-1].done == len(DATA)
    assert seen[-1].total is None


async def test_redirects_are_followed_and_loops_are_not(server: Server, tmp_path: Path) -> None:
    url = server.put("/f", DATA)
    server.put("/from", b"", faults=["to /f"])
    assert await fetch(resource(server.url + "/from"), tmp_path / "f") == DATA
    server.put("/a", b"", faults=["to /b"])
    server.put("/b", b"", faults=["to /a"])
    with pytest.raises(DownloadFailed, match="redirect"):
        await fetch(resource(server.url + "/a"), tmp_path / "g")
    assert url


async def test_a_digest_is_looked_at_for_local_files_too(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(OTHER)
    with pytest.raises(ChecksumMismatch):
        await fetch(resource(path.as_uri()), tmp_path / "f")
    assert path.exists()


async def test_no_server_is_said_at_once(tmp_path: Path) -> None:
    with socket.socket() as nobody:  # bound, and does not listen
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/f"
        started = time.monotonic()
        with pytest.raises(DownloadFailed) as caught:
            async with Fetcher(ignore) as fetcher:
                await fetcher.download(resource(url), tmp_path / "f")
    assert time.monotonic() - started < 2
    assert caught.value.fields()["tries"] == 1
    assert caught.value.fields()["package"] == "tool x"


async def test_a_server_that_says_nothing_is_left(tmp_path: Path) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/f"
        with pytest.raises(DownloadFailed, match="nothing came for"):
            await fetch(resource(url), tmp_path / "f")


async def test_the_usual_variables_name_a_proxy(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.put("http://packages.invalid/f", DATA)  # a proxy is asked for the whole URL
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert await fetch(resource("http://packages.invalid/f"), tmp_path / "f") == DATA


@pytest.mark.parametrize("proxy", ["nonsense://x", "http://127.0.0.1:1", "::"])
async def test_a_wrong_proxy_is_our_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(DownloadFailed):
        await fetch(resource("http://packages.invalid/f"), tmp_path / "f")


@pytest.mark.parametrize("url", ["http://", "http://[", "http://a b/", "ftp://x/y", "http://\x00"])
async def test_a_url_that_is_none_is_our_error(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadFailed):
        await fetch(resource(url), tmp_path / "f")


async def test_cancelling_keeps_what_came(server: Server, tmp_path: Path) -> None:
    url = server.put("/f", DATA, faults=["gate"], etag='"v1"')
    with trio.move_on_after(5) as scope:
        async with Fetcher(
            lambda one: scope.cancel() if one.done >= 150_000 else None, IMPATIENT
        ) as fetcher:
            await fetcher.download(resource(url), tmp_path / "f")
    assert scope.cancelled_caught
    server.gate.set()
    assert (tmp_path / "f").stat().st_size == 150_000
    assert await fetch(resource(url), tmp_path / "f") == DATA
    assert ranges(server)[-1] == "bytes=150000-"
