"""The unmodified esptool command line against a served board.

On a port equal to fbuild's (`benchmarks.esptool_equal`): pyserial's own RFC 2217 client sleeps
0.2 s for each of esptool's commands. That one is used by test_virtual_esptool.py.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.real.conftest import ServedBoard

RUN_SECONDS = 60
ROOT = Path(__file__).parents[2]


def esptool(board: ServedBoard, *arguments: str | bytes) -> subprocess.CompletedProcess[str]:
    """Run esptool on the board; bytes among the arguments become a file with that content."""
    argv = [sys.executable, "-m", "benchmarks.esptool_equal", "--port", board.url]
    for number, argument in enumerate(arguments):
        if isinstance(argument, bytes):
            path = board.flash_path.with_name(f"{board.flash_path.stem}-{number}.arg")
            path.write_bytes(argument)
            argument = str(path)
        argv.append(argument)
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=RUN_SECONDS, check=False, cwd=ROOT
    )


def said(board: ServedBoard, *arguments: str | bytes) -> str:
    """As `esptool`; returns what it said. Its failure is one of the test."""
    done = esptool(board, *arguments)
    assert done.returncode == 0, f"{arguments}:\n{done.stdout}\n{done.stderr}\n{board.log[-3000:]}"
    return done.stdout
