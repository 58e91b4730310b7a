from __future__ import annotations

import click
import pytest

from fbuild_watch.cli.board import CHIPS, Listen
from fbuild_watch.virtual.personality import PERSONALITIES


@pytest.mark.parametrize(
    ("given", "host", "port"),
    [
        ("0", "127.0.0.1", 0),
        ("4000", "127.0.0.1", 4000),
        ("0.0.0.0:4000", "0.0.0.0", 4000),
        ("board.local:1", "board.local", 1),
        ("[::1]:4000", "::1", 4000),
    ],
)
def test_listen_is_loopback_unless_a_host_is_given(given: str, host: str, port: int) -> None:
    assert Listen().convert(given, None, None) == (host, port)


@pytest.mark.parametrize("wrong", ["", "x", "host", "host:", "host:x", "65536", "-1", "1:²"])
def test_what_is_no_port_is_refused(wrong: str) -> None:
    with pytest.raises(click.BadParameter, match="PORT"):
        Listen().convert(wrong, None, None)


def test_the_help_names_every_chip() -> None:
    assert CHIPS.split(", ") == list(PERSONALITIES)
