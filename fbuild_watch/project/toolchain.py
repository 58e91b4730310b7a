"""Which compiler a board gets: the menu called `toolchain`, and tools that pip installed.

Rules
- A choice that the board's name makes is kept. Without one, the first option of the menu whose
  compiler is on this machine is taken.
- A compiler is there when the program that recipe.cpp.o starts can be executed.
- A core in its repository looks for tools in its own folder (`tools.NAME.path`); its releases have
  `{runtime.tools.NAME.path}` there instead. Of a tool that is installed that is so with both.
- A compiler that a core wants from a tool package (`{runtime.tools.NAME.path}/bin/cc`) and that
  nobody installed is taken from PATH, if it lies there in the same way (`/usr/bin/cc`).
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fbuild_watch.errors import CompilerMissing
from fbuild_watch.project import memory, recipe
from fbuild_watch.project.arduino import Board

MENU = "toolchain"
_OWN_TOOLS = "{runtime.platform.path}/tools/"
_TOOL = re.compile(r"\{(?P<key>runtime\.tools\.[\w.\-]+\.path)\}(?P<tail>.*/(?P<program>[^/]+))")
_HINT = (
    "install one of them; for RISC-V boards: pip install 'fbuild-watch[demo]' brings zig, "
    "or install the package gcc-riscv64-unknown-elf (Debian, Ubuntu) or riscv32-esp-elf-gcc; "
    "for AVR boards: the packages gcc-avr and avr-libc"
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A board's properties with every menu decided."""

    properties: dict[str, str]
    label: str
    """The toolchain in words: its label in the menu, and the compiler."""


def tools(installed: Mapping[str, Path], platform: Mapping[str, str]) -> dict[str, str]:
    """`runtime.tools.NAME.path` of the tools that were installed or come as Python packages, and
    what in a platform.txt stands for one of them.
    """
    found = {name: recipe.protect(path) for name, path in {**_packaged(), **installed}.items()}
    own = {f"tools.{name}.path": path for name, path in found.items()
           if platform.get(f"tools.{name}.path", "").startswith(_OWN_TOOLS)}  # fmt: skip
    return {**{f"runtime.tools.{name}.path": path for name, path in found.items()}, **own}


@lru_cache
def _packaged() -> dict[str, Path]:
    """The package is found, not imported; its binary is run itself: `python -m ziglang` would
    add an interpreter's start to every compile.
    """
    spec = importlib.util.find_spec("ziglang")
    for folder in sys.path if spec is None else ():
        memory.is_dir(f"{folder}/ziglang")  # where it may come to be
    return {"ziglang": Path(spec.origin).parent} if spec and spec.origin else {}


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
        properties = _with_system_tool({**board.merged(picked), **runtime}, board)
        compiler, defined = _compiler(properties, board)
        where = memory.which(compiler) if defined else None
        if where:
            label = labels.get(option)
            return Chosen(properties, f"{label} ({where})" if label else where)
        tried.append(compiler if defined else compiler.rpartition("/")[2])
    raise CompilerMissing(str(board.name), tried, hint=_HINT)


def _compiler(properties: Mapping[str, str], board: Board) -> tuple[str, bool]:
    return recipe.Recipes(properties, str(board.files[0])).program("recipe.cpp.o")


def _with_system_tool(properties: dict[str, str], board: Board) -> dict[str, str]:
    """The properties, with the compiler's own tool package found on PATH where it is missing."""
    match = _TOOL.fullmatch(_compiler(properties, board)[0])
    found = memory.which(match["program"]) if match else None
    if match is None or found is None or not found.endswith(match["tail"]):
        return properties
    folder = found.removesuffix(match["tail"])
    return {**properties, match["key"]: recipe.protect(folder)}
