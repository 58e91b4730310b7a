"""Digests of real files: when a stat is believed, and what a build has seen."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fbuild_watch.build.graph import digest
from fbuild_watch.build.memory import Memory, Stamp
from fbuild_watch.build.tree import Tree
from tests.real.build_kit import wait_until


def tree_of(**stamps: Stamp) -> Tree:
    memory = Memory()
    memory.stamps.update(stamps)
    return Tree(memory)


def digest_in(tree: Tree, path: Path | str) -> bytes | None:
    found = tree.look(str(path))
    return found.digest if found else None


async def test_a_file_is_not_known_by_its_times_until_they_are_old(tmp_path: Path) -> None:
    tree = tree_of()
    path = tmp_path / "new"
    path.write_bytes(b"one")
    assert digest_in(tree, path) == digest(b"one")
    assert str(path) not in tree.memory.stamps  # one more write in this tick would leave no trace

    def looked_again() -> bool:
        tree.forget()
        tree.look(str(path))
        return str(path) in tree.memory.stamps

    await wait_until(looked_again)
    assert str(path) in tree.memory.unsaved.stamps


def test_a_stamp_saves_the_reading_and_a_touch_does_not_change_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    info = path.stat()
    stamp = Stamp(info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino, b"from the stamp")
    assert digest_in(tree_of(**{str(path): stamp}), path) == b"from the stamp"
    os.utime(path, (1, 1))
    assert digest_in(tree_of(**{str(path): stamp}), path) == digest(b"one")


def test_a_build_sees_a_file_once_and_asks_whether_it_stayed(tmp_path: Path) -> None:
    tree = tree_of()
    tree.begin(0)
    path = tmp_path / "file"
    path.write_bytes(b"one")
    assert digest_in(tree, path) == digest(b"one")
    path.write_bytes(b"two")
    assert digest_in(tree, path) == digest(b"one")
    assert tree.unchanged(str(path)) is None
    renewed = tree.renew(str(path))
    assert renewed is not None
    assert renewed.digest == digest(b"two")
    assert tree.unchanged(str(path)) is renewed
    path.unlink()
    assert tree.unchanged(str(path)) is None


@pytest.mark.parametrize("kind", ["absent", "folder", "nul"])
def test_what_is_no_file_has_no_digest(tmp_path: Path, kind: str) -> None:
    path = {"absent": f"{tmp_path}/x", "folder": str(tmp_path), "nul": "a\0b"}[kind]
    assert tree_of().look(path) is None
    assert tree_of().unchanged(path) is None


def test_a_large_file_has_the_same_digest(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * (1 << 20))
    assert digest_in(tree_of(), path) == digest(b"x" * (1 << 20))


def test_at_a_hint_only_the_named_files_are_looked_at_again(tmp_path: Path) -> None:
    tree = tree_of()
    named, other = tmp_path / "named", tmp_path / "other"
    for path in (named, other):
        path.write_bytes(b"one")
        tree.look(str(path))
        path.write_bytes(b"two")
    assert tree.differs(str(named))
    assert not tree.differs(str(named))
    assert digest_in(tree, named) == digest(b"two")
    assert digest_in(tree, other) == digest(b"one")
    tree.forget()
    assert digest_in(tree, other) == digest(b"two")


HASHES = """
import sys
from fbuild_watch.build.memory import Memory
from fbuild_watch.build.tree import Tree

for _ in range(120):
    Tree(Memory()).look(sys.argv[1])
"""


def test_a_large_file_may_be_cut_short_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.touch()
    with subprocess.Popen([sys.executable, "-c", HASHES, str(path)]) as hashing:
        while hashing.poll() is None:
            for size in (64 << 20, 0):  # long enough each for a look to begin, not to end
                os.truncate(path, size)
                time.sleep(0.003)
    assert hashing.returncode == 0
