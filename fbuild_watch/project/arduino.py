"""An Arduino board on disk: its properties, the menus' choices made, core and variant found.

Not here: the recipes' commands (recipe.py), where platforms lie (hardware.py), short names of
boards (boards.py), and which compiler is there (toolchain.py).

Rules (Arduino platform specification)
- A board is named `vendor:arch:board[:menu=choice,...]`, as Arduino names it.
- A menu without a choice takes its first option, but for `toolchain` (see toolchain.py).
- Later wins: platform.txt of the core's platform, of the board's, the board's part of boards.txt,
  its menu choices, what the project sets (board_build.*, board_upload.*).
- `build.core=vendor:name` is the core of another platform of the same architecture, with that
  platform's platform.txt below the board's own; `build.variant=vendor:name` is so for variants.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fbuild_watch.errors import InvalidProject, UnknownBoard
from fbuild_watch.project import properties as props
from fbuild_watch.project import repairs
from fbuild_watch.project.hardware import BOARDS, Hardware
from fbuild_watch.project.recipe import protect

PLATFORM = "platform.txt"
_FORM = "a board is named vendor:arch:board[:menu=choice,...];"


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
    hardware: Hardware
    platform_dir: Path
    own: Mapping[str, str]
    """The board's part of boards.txt, without its id."""
    overrides: Mapping[str, str] = field(default_factory=dict)
    """What the project sets."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of its platform: platform.txt, boards.txt."""
        return (self.platform_dir / PLATFORM, self.platform_dir / BOARDS)

    @property
    def platform(self) -> Mapping[str, str]:
        """platform.txt; a platform that only lends from another need not have one."""
        return props.read(self.files[0], required=not self._borrows)

    @property
    def _borrows(self) -> bool:
        return ":" in self.overrides.get("build.core", self.own.get("build.core", ""))

    def menus(self) -> dict[str, dict[str, str]]:
        """Menu -> option -> label, in the order of the file."""
        menus: dict[str, dict[str, str]] = {}
        for key, label in props.below(self.own, "menu").items():
            menu, _, option = key.partition(".")
            if option and "." not in option:
                menus.setdefault(menu, {})[option] = label
        return menus

    def merged(self, choices: Mapping[str, str]) -> dict[str, str]:
        """All properties with these menu choices made.

        Raises InvalidProject for a core or a variant of a platform that is not there.
        """
        own = dict(self.own)
        for menu, option in choices.items():
            own.update(props.below(self.own, f"menu.{menu}.{option}"))
        own.update(self.overrides)
        core = self._lender(own.get("build.core", "arduino"))
        variant = self._lender(own.get("build.variant", "standard"))
        lent = props.read(core.platform / PLATFORM) if core.platform != self.platform_dir else {}
        mended = {**lent, **self.platform, **repairs.flags({**lent, **self.platform})}
        return {**self._defaults(), **mended, **own, **_places(core, variant)}

    def _defaults(self) -> dict[str, str]:
        """What arduino-cli says where neither platform nor board does."""
        return {"build.board": f"{self.name.arch}_{self.name.board}".upper()}

    def _lender(self, text: str) -> _Part:
        vendor, colon, name = text.rpartition(":")
        if not colon:
            return _Part(text, self.platform_dir)
        platform = self.hardware.platform(vendor, self.name.arch)
        if platform is None:
            raise InvalidProject(
                f"{self.name} needs {text}, but the platform {vendor}:{self.name.arch} is not here",
                path=str(self.files[1]),
                hint=f"install {vendor}:{self.name.arch} too",
            )
        return _Part(name, platform)


@dataclass(frozen=True, slots=True)
class _Part:
    """A core or a variant, and the platform that it lies in."""

    name: str
    platform: Path


def _places(core: _Part, variant: _Part) -> dict[str, str]:
    places = {
        "build.core.path": core.platform / "cores" / core.name,
        "build.core.platform.path": core.platform,
        "build.system.path": core.platform / "system",
        "build.variant.path": variant.platform / "variants" / variant.name,
    }
    names = {"build.core": core.name, "build.variant": variant.name}
    return names | {key: protect(path) for key, path in places.items()}


def find(text: str, hardware: Hardware, short: Iterable[str] = ()) -> Board:
    """Find a board by its full name. `short`: names that could have been meant, for words.

    Raises UnknownBoard (with where it looked and what is known there) and InvalidProject.
    """
    name = BoardName.parse(text)
    if name is None:
        raise UnknownBoard(
            text, searched=_words(hardware.roots()), hint=_hint(text, hardware, _FORM, short)
        )
    folder = hardware.platform(name.vendor, name.arch)
    own = props.below(props.read(folder / BOARDS), name.board) if folder else {}
    if folder is None or not own:
        searched = [folder] if folder else hardware.places(name.vendor, name.arch)
        raise UnknownBoard(text, searched=_words(searched), hint=_hint(text, hardware))
    board = Board(name, hardware, folder, own)
    _check_choices(text, board)
    return board


def _check_choices(text: str, board: Board) -> None:
    menus = board.menus()
    for menu, choice in board.name.choices.items():
        if choice not in menus.get(menu, {}):
            options = ", ".join(f"{menu}={option}" for option in menus.get(menu, {}))
            hint = f"it can be: {options}" if options else f"its menus are: {', '.join(menus)}"
            raise UnknownBoard(text, searched=[str(board.files[1])], hint=hint)


_MOST_NAMES = 40


def _hint(meant: str, hardware: Hardware, form: str = "", short: Iterable[str] = ()) -> str:
    """What may have been meant, how a board is named, and the boards of this machine."""
    names = [
        f"{vendor}:{arch}:{board}"
        for vendor, arch, folder in hardware.all()
        for board in ids(folder)
    ]
    by_id = {name.rpartition(":")[2]: name for name in names} | {name: name for name in short}
    wanted = (*meant.split(":")[2:3], meant)[0]
    near = " or ".join(by_id[found] for found in difflib.get_close_matches(wanted, by_id))
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    known = f"known boards: {', '.join(names[:_MOST_NAMES]) or 'none'}{more}"
    return " ".join(filter(None, (near and f"did you mean {near}?", form, known)))


def ids(platform: Path) -> list[str]:
    """The ids of a platform's boards, in the order of its file."""
    keys = props.read(platform / BOARDS)
    return [key.removesuffix(".name") for key in keys if re.fullmatch(r"[\w-]+\.name", key)]


def _words(paths: Sequence[Path]) -> list[str]:
    return [str(path) for path in paths]
