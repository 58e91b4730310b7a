"""Proxies and certificates are those of whom the work is done for, not those of this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from fbuild_watch.errors import DownloadFailed
from fbuild_watch.packages.fetch import Fetcher
from fbuild_watch.packages.progress import ignore
from fbuild_watch.packages.resource import Resource
from fbuild_watch.system import surroundings
from tests.real.package_kit import IMPATIENT, serving
from tests.real.proxy_kit import certificate, proxy_to

DATA = b"a tool\n" * 1000
ELSEWHERE = "packages.invalid"
"""A host that no resolver knows (RFC 6761)."""


async def fetch(url: str, into: Path, **theirs: str) -> bytes:
    """A download for a client with these variables and no others."""
    with surroundings.of(theirs):
        async with Fetcher(ignore, IMPATIENT) as fetcher:
            return (await fetcher.download(Resource("tool x", url), into)).read_bytes()


@pytest.fixture(autouse=True)
def our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process's own variables lead nowhere."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name.lower(), raising=False)
        monkeypatch.setenv(name, "http://127.0.0.1:1")


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
async def test_a_request_goes_through_the_clients_proxy(tmp_path: Path, name: str) -> None:
    with serving() as server:
        server.put("/f", DATA)
        async with proxy_to(server.port) as proxy:
            url = f"http://{ELSEWHERE}/f"
            assert await fetch(url, tmp_path / "f", **{name: proxy.url}) == DATA
    assert proxy.asked == [f"GET {url} HTTP/1.1"]


@pytest.mark.parametrize("straight", ["", "127.0.0.1", "localhost, 127.0.0.1", "*"])
async def test_and_not_where_it_has_none_or_excepts_the_host(tmp_path: Path, straight: str) -> None:
    nowhere = {"HTTP_PROXY": "127.0.0.1:1", "NO_PROXY": straight} if straight else {}
    with serving() as server:
        url = server.put("/f", DATA)
        assert await fetch(url, tmp_path / "f", **nowhere) == DATA


async def test_https_is_tunnelled_and_trusted_by_the_clients_certificates(tmp_path: Path) -> None:
    trusted, tls = certificate(tmp_path, ELSEWHERE)
    with serving(tls) as server:
        server.put("/f", DATA)
        async with proxy_to(server.port) as proxy:
            url, theirs = f"https://{ELSEWHERE}/f", {"https_proxy": proxy.url}
            with pytest.raises(DownloadFailed, match="certificate verify failed"):
                await fetch(url, tmp_path / "f", **theirs)
            theirs["SSL_CERT_FILE"] = str(trusted)
            assert await fetch(url, tmp_path / "f", **theirs) == DATA
    assert proxy.asked[-1] == f"CONNECT {ELSEWHERE}:443 HTTP/1.1"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HTTP_PROXY", "http://host:port", "Invalid port"),
        ("ALL_PROXY", "gopher://host", "Unknown scheme"),
        ("NO_PROXY", "[::1]", "Invalid port"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem", "SSL_CERT_FILE is /nowhere/ca.pem"),
    ],
)
async def test_a_variable_that_is_wrong_is_said(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    with pytest.raises(DownloadFailed, match="variables of the network") as caught:
        await fetch(f"http://{ELSEWHERE}/f", tmp_path / "f", **{name: value})
    assert said in str(caught.value)
