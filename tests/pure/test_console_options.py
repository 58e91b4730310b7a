"""What a project's monitor_* options and readline's init file make of a console."""

from __future__ import annotations

import pytest

from fbuild_watch.console.options import DEFAULT, Options, from_monitor, wants_vi


@pytest.mark.parametrize(
    ("monitor", "options"),
    [
        ({}, DEFAULT),
        ({"eol": "LF", "echo": "yes"}, Options(eol="lf", echo=True)),
        ({"eol": "nonsense", "echo": "no"}, DEFAULT),
        ({"raw": "1"}, Options(raw=True)),
        ({"filters": "time, colorize\nlog2file"}, Options(timestamps="absolute", log=True)),
        ({"filters": "hexlify"}, Options(hex=True)),
        ({"filters": "default esp32_exception_decoder send_on_enter"}, DEFAULT),
    ],
)
def test_platformios_words(monitor: dict[str, str], options: Options) -> None:
    assert from_monitor(monitor) == options


def test_the_command_line_adds_raw() -> None:
    assert from_monitor({}, raw=True).raw


@pytest.mark.parametrize(
    ("inputrc", "vi"),
    [
        ("", False),
        ("set editing-mode vi\n", True),
        ("  set  editing-mode vi", True),
        ("# set editing-mode vi", False),
        ("set editing-mode vi\nset editing-mode emacs", False),
    ],
)
def test_the_last_editing_mode_counts(inputrc: str, vi: bool) -> None:
    assert wants_vi(inputrc) is vi
