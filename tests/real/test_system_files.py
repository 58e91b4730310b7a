"""Where a file goes that a user names: also through links, and to what is no file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fbuild_watch.errors import FileUnwritable
from fbuild_watch.system.files import write_for_user


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_for_user(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_for_user(pipe, b"bytes")
        assert os.read(reader, 99) == b"bytes"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileUnwritable, match="directory"):
        write_for_user(tmp_path, b"")
    assert os.listdir(tmp_path) == []  # noqa: PTH208
