"""Proxy variables are read as httpx reads its own process's."""

from __future__ import annotations

import pytest
from httpx._utils import get_environment_proxies
from hypothesis import given
from hypothesis import strategies as st

from fbuild_watch.packages import network
from fbuild_watch.system import surroundings

URLS = st.sampled_from(["", "proxy:3128", "http://proxy", "socks5://user:word@proxy:1080"])
HOSTS = st.sampled_from(
    ["", "*", "localhost", "LOCALHOST", "example.org", ".example.org", "127.0.0.1", "10.0.0.0/8",
     "::1", "fe80::1/64", "http://example.org:80", "example.org:80", "[::1]", " a b "]
)  # fmt: skip
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
NO = ("NO_PROXY", "no_proxy")


@given(
    st.dictionaries(st.sampled_from(NAMES), URLS),
    st.dictionaries(st.sampled_from(NO), st.lists(HOSTS, max_size=3).map(",".join)),
)
def test_they_are_read_as_httpx_reads_them(urls: dict[str, str], hosts: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in (*NAMES, *NO):
            patch.delenv(name, raising=False)
        theirs = {**urls, **hosts}
        with surroundings.of(theirs):
            ours = network.proxies()
        for name, value in theirs.items():
            patch.setenv(name, value)
        assert ours == get_environment_proxies()
        assert network.proxies() == ours  # of our own work
