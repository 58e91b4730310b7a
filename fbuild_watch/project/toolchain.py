"""Which compiler a board gets: the menu called `toolchain`, and tools that pip installed.

Rules
- A choice that the board's name makes is kept. Without one, the first option of the menu whose
  compiler is on this machine is taken.
- A compiler is there when the program that recipe.cpp.o starts can be executed.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fbuild_watch.errors import CompilerMissing
from fbuild_watch.project import recipe
from fbuild_watch.project.arduino import Board

MENU = "toolchain"
_HINT = (
    "install one of them; for RISC-V boards: pip install 'fbuild-watch[demo]' brings zig, "
    "or install the package gcc-riscv64-unknown-elf (Debian, Ubuntu) or riscv32-esp-elf-gcc"
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A board's properties with every menu decided."""

    properties: dict[str, str]
    label: str
    """The toolchain in words: its label in the menu, and the compiler."""


def tools() -> dict[str, str]:
    """`runtime.tools.NAME.path` of the tools that come as Python packages.

    The package is found, not imported; its binary is run itself: `python -m ziglang` would
    add an interpreter's start to every compile.
    """
    spec = importlib.util.find_spec("ziglang")
    if spec is None or not spec.origin:
        return {}
    return {"runtime.tools.ziglang.path": recipe.protect(Path(spec.origin).parent)}


def choose(board: Board, runtime: Mapping[str, str]) -> Chosen:
    """Decide every menu of a board; `runtime` is laid over all properties.

    Raises CompilerMissing when no compiler of the board is on this machine.
    """
    menus = board.menus()
    choices = {menu: next(iter(options)) for menu, options in menus.items()}
    choices.update(board.name.choices)
    labels = menus.get(MENU, {})
    options = [choices[MENU]] if MENU in board.name.choices else list(labels) or [""]
    tried = []
    for option in options:
        picked = {**choices, MENU: option} if option else choices
        properties = {**board.merged(picked), **runtime}
        compiler, defined = recipe.Recipes(properties, str(board.files[0])).program("recipe.cpp.o")
        if defined and shutil.which(compiler):
            label = labels.get(option)
            return Chosen(properties, f"{label} ({compiler})" if label else compiler)
        tried.append(compiler if defined else compiler.rpartition("/")[2])
    raise CompilerMissing(str(board.name), tried, hint=_HINT)
