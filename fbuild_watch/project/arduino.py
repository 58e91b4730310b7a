"""Arduino platforms and boards on disk: which folder, which properties, which menu choices.

Not here: the recipes' commands (recipe.py), and which compiler is there (toolchain.py).

Rules
- A board is named `vendor:arch:board[:menu=choice,...]`, as Arduino names it.
- Platforms are looked for in `ROOT/VENDOR/ARCH` of each root: Arduino's sketchbook layout.
- A menu without a choice takes its first option, but for `toolchain` (see toolchain.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fbuild_watch.errors import InvalidProject, UnknownBoard
from fbuild_watch.project import properties as props

_FORM = "a board is named vendor:arch:board[:menu=choice,...]"


@dataclass(frozen=True, slots=True)
class BoardName:
    """The parts of vendor:arch:board:menu=choice,..."""

    vendor: str
    arch: str
    board: str
    choices: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.vendor}:{self.arch}:{self.board}"

    @classmethod
    def parse(cls, text: str) -> BoardName | None:
        """Read a name; None where it has another form."""
        parts = text.split(":")
        if len(parts) not in (3, 4) or not all(re.fullmatch(r"[\w-]+", part) for part in parts[:3]):
            return None
        pairs = [pair.partition("=") for pair in parts[3].split(",")] if len(parts) == 4 else []
        if not all(menu and choice for menu, _, choice in pairs):
            return None
        return cls(parts[0], parts[1], parts[2], {menu: choice for menu, _, choice in pairs})


@dataclass(frozen=True, slots=True)
class Board:
    """A board as its platform describes it; the choices of its menus are still open."""

    name: BoardName
    platform_dir: Path
    platform: Mapping[str, str]
    """platform.txt."""
    own: Mapping[str, str]
    """The board's part of boards.txt, without its id."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that this was read from."""
        return (self.platform_dir / "platform.txt", self.platform_dir / "boards.txt")

    def menus(self) -> dict[str, dict[str, str]]:
        """Menu -> option -> label, in the order of the file."""
        menus: dict[str, dict[str, str]] = {}
        for key, label in props.below(self.own, "menu").items():
            menu, _, option = key.partition(".")
            if option and "." not in option:
                menus.setdefault(menu, {})[option] = label
        return menus

    def merged(self, choices: Mapping[str, str]) -> dict[str, str]:
        """All properties with these menu choices made: the choice wins, then board, platform."""
        merged = {**self.platform, **self.own}
        for menu, option in choices.items():
            merged.update(props.below(self.own, f"menu.{menu}.{option}"))
        return merged


def find(text: str, roots: Sequence[Path]) -> Board:
    """Find a board by its name in the first root that has its platform.

    Raises UnknownBoard (with where it looked and what is known there) and InvalidProject.
    """
    name = BoardName.parse(text)
    if name is None:
        raise UnknownBoard(text, searched=_words(roots), hint=f"{_FORM}; {_known(roots)}")
    folders = [root / name.vendor / name.arch for root in roots]
    for folder in folders:
        if (folder / "boards.txt").is_file():
            boards = _read(folder / "boards.txt")
            own = props.below(boards, name.board)
            if own:
                board = Board(name, folder, _read(folder / "platform.txt"), own)
                _check_choices(text, board)
                return board
    raise UnknownBoard(text, searched=_words(folders), hint=_known(roots))


def _read(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise InvalidProject(error.strerror or str(error), path=str(path)) from error
    return props.parse(text, str(path), props.system())


def _check_choices(text: str, board: Board) -> None:
    menus = board.menus()
    for menu, choice in board.name.choices.items():
        if choice not in menus.get(menu, {}):
            options = ", ".join(f"{menu}={option}" for option in menus.get(menu, {}))
            hint = f"it can be: {options}" if options else f"its menus are: {', '.join(menus)}"
            raise UnknownBoard(text, searched=[str(board.files[1])], hint=hint)


def _known(roots: Sequence[Path]) -> str:
    names = [name for root in roots for name in _boards(root)]
    return f"known boards: {', '.join(names) or 'none'}"


def _boards(root: Path) -> list[str]:
    """Every board under a root, by its full name."""
    names = []
    for path in sorted(root.glob("*/*/boards.txt")):
        prefix = f"{path.parent.parent.name}:{path.parent.name}"
        for key in _read(path):
            board, _, rest = key.partition(".")
            if rest == "name":
                names.append(f"{prefix}:{board}")
    return names


def _words(paths: Sequence[Path]) -> list[str]:
    return [str(path) for path in paths]
