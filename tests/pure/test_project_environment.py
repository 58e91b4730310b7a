"""platformio.ini to an Environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from fbuild_watch.errors import InvalidProject, UnknownEnvironment
from fbuild_watch.project import environments, load

TWO = """\
[platformio]
default_envs = second, first
src_dir = code/../main

[env]
board = v:a:b
monitor_speed = 9600
unknown_option = is left alone

[env:first]
monitor_speed = 57600

[env:second]
board = v:a:c:menu=x
upload_speed = 921600
upload_port = rfc2217://127.0.0.1:1
monitor_port =
build_flags =
    -DNAME="two words"   ; a note
    '-DQUOTED="x"' -O2
"""


def write(folder: Path, text: str | bytes) -> Path:
    data = text.encode() if isinstance(text, str) else text
    (folder / "platformio.ini").write_bytes(data)
    return folder


def test_an_environment_inherits_and_overrides(tmp_path: Path) -> None:
    first = load(write(tmp_path, TWO), "first")
    assert (first.board, first.monitor_speed, first.build_flags) == ("v:a:b", 57600, ())
    assert first.upload_speed is None
    second = load(tmp_path)
    assert second.name == "second"
    assert (second.board, second.monitor_speed) == ("v:a:c:menu=x", 9600)
    assert second.build_flags == ("-DNAME=two words", '-DQUOTED="x"', "-O2")
    assert (second.upload_speed, second.upload_port) == (921600, "rfc2217://127.0.0.1:1")
    assert second.monitor_port is None
    assert second.src_dir == tmp_path / "main"
    assert second.build_dir == tmp_path / ".fbuild" / "build" / "second"
    assert environments(tmp_path) == ["first", "second"]


def test_without_default_the_first_is_taken(tmp_path: Path) -> None:
    env = load(write(tmp_path, "[env:b]\nboard = v:a:b\n[env:a]\nboard = v:a:b\n"))
    assert (env.name, env.monitor_speed, env.src_dir) == ("b", 115200, tmp_path / "src")


def test_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf[env:a]\r\nboard = v:a:b\r\nbuild_flags =\r\n  -DA\r\n  -DB\r\n"
    env = load(write(tmp_path, data))
    assert (env.board, env.build_flags) == ("v:a:b", ("-DA", "-DB"))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[env:a]\nboard = b\nmonitor_speed = fast\n", 3, "monitor_speed = 'fast'"),
        ("[env]\nupload_speed = -1\n[env:a]\nboard = b\n", 2, "upload_speed = '-1'"),
        ("[env:a]\nboard = b\nupload_speed = 1e6\n", 3, "upload_speed"),
        ("[env:a]\nboard = b\nbuild_flags =\n  -DA\n  '-DB\n", 3, "No closing quotation"),
        ("[env]\n\n[env:a]\nmonitor_speed = 1\n", 3, "has no board"),
        ("[env:a/../b]\nboard = b\n", 1, "no name for an environment"),
        ("[platformio]\n", None, "no [env:NAME]"),
        (b"[env:a]\nboard = \xff\n", 2, "UTF-8"),
    ],
)
def test_errors_name_file_and_line(
    tmp_path: Path, text: str | bytes, line: int | None, words: str
) -> None:
    with pytest.raises(InvalidProject) as failure:
        load(write(tmp_path, text))
    assert words in str(failure.value)
    assert failure.value.line == line
    assert failure.value.path == str(tmp_path / "platformio.ini")


def test_a_missing_file_and_a_folder_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(InvalidProject, match="no such file") as failure:
        load(tmp_path)
    assert "fbuild init" in failure.value.hint
    (tmp_path / "platformio.ini").mkdir()
    with pytest.raises(InvalidProject):
        environments(tmp_path)


@pytest.mark.parametrize("name", ["third", "env:first", ""])
def test_an_unknown_environment_lists_the_known(tmp_path: Path, name: str) -> None:
    write(tmp_path, TWO.replace("default_envs = second, first", "default_envs = third"))
    with pytest.raises(UnknownEnvironment) as failure:
        load(tmp_path, name)
    assert failure.value.fields()["known"] == ["first", "second"]


def test_which_others_there_are_is_said_where_none_was_named(tmp_path: Path) -> None:
    write(tmp_path, TWO)
    said = "environment second is taken; -e takes another: first"
    assert said in load(tmp_path, None).warnings
    assert said not in load(tmp_path, "second").warnings
    write(tmp_path, TWO.replace("second, first", "second"))
    assert not any("is taken" in text for text in load(tmp_path, None).warnings)
