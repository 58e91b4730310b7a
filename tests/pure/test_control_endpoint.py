"""Endpoints by name, and which kind there is where."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fbuild_watch.control.endpoint import Endpoint, choose, parse


@pytest.mark.parametrize("where", [Endpoint("unix", path="/run/x y:z"), Endpoint("tcp", port=4711)])
def test_a_name_there_and_back(where: Endpoint) -> None:
    assert parse(str(where)) == where


@pytest.mark.parametrize(
    "text",
    ["", "unix:", "tcp:1", "tcp:10.0.0.1:80", "tcp:127.0.0.1:x", "tcp:127.0.0.1:65536", "x:y"],
)
def test_what_is_no_endpoint(text: str) -> None:
    with pytest.raises(ValueError, match="no endpoint"):
        parse(text)


def test_what_is_asked_for_is_taken() -> None:
    assert choose(Path("/run"), "tcp:80") == Endpoint("tcp", port=80)
    assert choose(Path("/run"), "tcp") == Endpoint("tcp", port=0)


@pytest.mark.skipif(sys.platform == "win32", reason="TCP there")
def test_a_socket_unless_its_path_is_too_long() -> None:
    assert choose(Path("/run"), None) == Endpoint("unix", path="/run/fbuild.sock")
    assert choose(Path("/" + "x" * 110), None).kind == "tcp"
