"""What planning finds in folders."""

from __future__ import annotations

from pathlib import Path

from fbuild_watch.project.memory import Entries


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
