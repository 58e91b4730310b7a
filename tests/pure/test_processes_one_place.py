"""Programs are started in fbuild_watch/processes/ and nowhere else: read off the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import fbuild_watch

PACKAGE = Path(fbuild_watch.__file__).parent
THE_PLACE = PACKAGE / "processes"

MODULES = {"subprocess", "multiprocessing", "pty", "pexpect"}
"""Imported to start programs, or to say how."""

CALLS = {"open_process", "run_process", "create_subprocess_exec", "create_subprocess_shell"}
OF_OS = ("system", "popen", "fork", "posix_spawn", "startfile", "exec", "spawn")
"""What such a function of `os` begins with."""


def starts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Where a module could start a program: line and word."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Attribute):
            yield from ((node.lineno, name) for name in _names(node) if _is_start(name))


def _names(node: ast.Import | ast.ImportFrom | ast.Attribute) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return [f"{node.value.id if isinstance(node.value, ast.Name) else '...'}.{node.attr}"]


def _is_start(name: str) -> bool:
    module, _, word = name.partition(".")
    of_os = module == "os" and word.startswith(OF_OS)
    return module in MODULES or of_os or name.rpartition(".")[2] in CALLS


def test_no_other_module_starts_programs() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {word}"
        for path in PACKAGE.rglob("*.py")
        if not path.is_relative_to(THE_PLACE)
        for line, word in starts(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == [], "use fbuild_watch.processes.run_command"


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess",
        "from subprocess import run",
        "import trio\nawait trio.run_process([])",
        "from trio.lowlevel import open_process",
        "import os\nos.system('')",
        "import os\nos.execv('', [])",
        "from os import posix_spawn",
        "import asyncio\nasyncio.create_subprocess_exec('')",
    ],
)
def test_the_look_sees_one(source: str) -> None:
    tree = compile(source, "a module", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert list(starts(tree))
