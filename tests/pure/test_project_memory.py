"""What planning finds in folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fbuild_watch.project.memory import Entries, FileMemory


def test_a_link_to_itself_hides_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("a")
    (tmp_path / "main.cpp").write_text("")
    (tmp_path / "more").mkdir()
    found = Entries().of(str(tmp_path))
    assert [(path.name, is_folder) for path, is_folder in found] == [
        ("a", False),
        ("main.cpp", False),
        ("more", True),
    ]


def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.h")
    with pytest.raises(OSError, match="no file"):
        FileMemory(lambda data, _path: data).of(str(tmp_path / "x.h"))
