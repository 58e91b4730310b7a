"""What a command costs before it does anything: the heavy libraries come late or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.program import environment

HEAVY = ("esptool", "prompt_toolkit", "unicorn", "watchfiles", "trio", "serial", "regex")


def loaded_by(*arguments: str, scratch: Path) -> set[str]:
    """The heavy packages that a command line has imported when it ends."""
    code = (
        "import sys; from fbuild_watch.cli import run; run(sys.argv[1:]); "
        f"print('LOADED', *(name for name in {HEAVY} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment(scratch),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(done.stdout.rpartition("LOADED")[2].split())


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("--version",), ("watch", "--help"), ("flash", "--help"), ("status",)],
)
def test_help_and_status_load_nothing_heavy(arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert loaded_by(*arguments, scratch=tmp_path) == set()


def test_a_console_loads_neither_esptool_nor_the_repl_without_a_terminal(tmp_path: Path) -> None:
    loaded = loaded_by("console", "--port", "rfc2217://127.0.0.1:1", scratch=tmp_path)
    assert not loaded & {"esptool", "prompt_toolkit", "unicorn"}


def test_a_build_that_is_current_loads_no_esptool(project: Path, tmp_path: Path) -> None:
    loaded_by("build", str(project), scratch=tmp_path)
    loaded = loaded_by("build", str(project), scratch=tmp_path)
    assert not loaded & {"esptool", "prompt_toolkit", "unicorn", "serial"}
