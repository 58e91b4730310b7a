"""Commands that are too long, and how their files are named then."""

from __future__ import annotations

from pathlib import Path

import pytest

from fbuild_watch.build.response import shortened

ARGV = ("g++", "a.o", "-o", "x.elf", "a.o", "b c.o", "d'\"\\e.o", "-lm")
FILES = ("a.o", "b c.o", "d'\"\\e.o")


def test_a_command_that_is_not_too_long_stays(tmp_path: Path) -> None:
    assert shortened(ARGV, FILES, tmp_path / "named") == ARGV
    assert not (tmp_path / "named").exists()


def test_the_longest_run_of_files_is_named_in_one(tmp_path: Path) -> None:
    named = tmp_path / "named"
    assert shortened(ARGV, FILES, named, 10) == (
        "g++", "a.o", "-o", "x.elf", f"@{named}", "-lm",
    )  # fmt: skip
    assert named.read_text().splitlines() == ["a.o", "b\\ c.o", "d\\'\\\"\\\\e.o"]


def test_the_program_is_no_file_of_its_command(tmp_path: Path) -> None:
    files, named = ("/bin/g++", "a.c", "b.c"), tmp_path / "named"
    assert shortened(files, files, named, 10) == ("/bin/g++", f"@{named}")


@pytest.mark.parametrize("argv", [("g++", "-x", "y" * 40), ("/bin/g++", "a.c", "-lm")])
def test_what_names_no_files_stays(tmp_path: Path, argv: tuple[str, ...]) -> None:
    assert shortened(argv, ("/bin/g++", "a.c"), tmp_path / "named", 10) == argv
