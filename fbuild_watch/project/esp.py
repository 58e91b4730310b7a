"""What the image of an ESP chip is made of, from the board's properties and the core's commands.

Not here: making it (image/), and what esptool's own commands mean (esptool_words.py).

Rules
- The partition table that the project names (`board_build.partitions`) is the one. Else it is
  `partitions.csv` in the project, then the variant's, then what the board's menu names, as the
  cores' own hooks look for it.
- What lies where is what the core's own upload says. A core without one (for another programmer)
  has its bootloader as `bootloader.elf`, made by a hook.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fbuild_watch.errors import InvalidProject
from fbuild_watch.model import Environment, FlashSettings, Step
from fbuild_watch.project import esptool_words, steps, upload
from fbuild_watch.project.esptool_words import Files
from fbuild_watch.project.memory import is_dir, is_file
from fbuild_watch.project.recipe import Recipes

_NAMED = ("partitions", "arduino.partitions")
"""The keys of `board_build` that name a table."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a BuildPlan that only ESP chips have."""

    chip: str | None = None
    """esptool's name of the chip."""
    flash: FlashSettings = FlashSettings()  # noqa: RUF009  (frozen)
    bootloader_elf: Path | None = None
    bootloader_offset: int = 0
    partitions_csv: Path | None = None
    files: Files = ()
    app_from_elf: bool = True
    warnings: tuple[str, ...] = ()


def parts(
    recipes: Recipes,
    environment: Environment,
    platform_dir: Path,
    prebuild: Sequence[Step],
    finish: Sequence[Step],
) -> tuple[Parts, tuple[Step, ...], tuple[Step, ...]]:
    """The parts; and the hooks before the units, and the steps after the link, as they are left.

    Raises InvalidProject.
    """
    chip = _chip(recipes)
    if chip is None:
        return Parts(), tuple(prebuild), tuple(finish)
    flash, from_elf, left = _flash(recipes), True, tuple(finish)
    files = upload.flash_files(recipes, environment)
    if files:
        elf = environment.build_dir / "firmware.elf"
        left, told = esptool_words.left_over(finish, elf, elf.with_suffix(".bin"))
        flash, from_elf = told or flash, told is not None
        made = [path for _, path in files if path.is_relative_to(environment.build_dir)]
        prebuild = esptool_words.with_outputs(prebuild, made)
    found = Parts(
        chip=chip,
        flash=flash,
        bootloader_elf=None if files else _bootloader(environment, prebuild),
        bootloader_offset=recipes.number("build.bootloader_addr"),
        partitions_csv=_partitions(environment, platform_dir, recipes),
        files=files,
        app_from_elf=from_elf,
        warnings=_no_place_for_data(environment, files),
    )
    return found, tuple(prebuild), left


def _no_place_for_data(environment: Environment, files: Files) -> tuple[str, ...]:
    """What is said of a data folder on a board without a partition table (ESP8266)."""
    folder = environment.data_dir
    has_table = not files or any(esptool_words.is_table(path) for _, path in files)
    if has_table or folder is None or not is_dir(folder):
        return ()
    return (f"{folder} is not flashed: this core has no partition table that names its place",)


def _chip(recipes: Recipes) -> str | None:
    """All of esptool's chips, and no others, are called esp*."""
    name = recipes.get("build.mcu")
    return name if name.startswith("esp") else None


def _flash(recipes: Recipes) -> FlashSettings:
    usual = FlashSettings()
    return FlashSettings(
        mode=recipes.get("build.flash_mode", usual.mode),
        freq=recipes.get("build.flash_freq", usual.freq),
        size=recipes.get("build.flash_size", usual.size),
        elf_sha256_offset=recipes.number("build.elf_sha256_offset") or None,
    )


def _bootloader(environment: Environment, prebuild: Sequence[Step]) -> Path | None:
    made = environment.build_dir / "bootloader.elf"
    return made if any(steps.after(step.argv, "-o") == made for step in prebuild) else None


def _partitions(environment: Environment, platform_dir: Path, recipes: Recipes) -> Path | None:
    own, of_core = environment.project_dir, platform_dir / "tools" / "partitions"
    name = f"{recipes.get('build.partitions', 'default').removesuffix('.csv')}.csv"
    if any(key in environment.board_build for key in _NAMED):
        return _named(name, (own, environment.src_dir, of_core), environment)
    variant = recipes.get("build.custom_partitions", "partitions")
    places = (
        own / name,
        own / "partitions.csv",
        environment.src_dir / "partitions.csv",
        Path(recipes.get("build.variant.path")) / f"{variant}.csv",
        of_core / name,
    )
    return next((path for path in places if is_file(path)), None)


def _named(name: str, folders: Sequence[Path], environment: Environment) -> Path:
    found = next((path for folder in folders if is_file(path := folder / name)), None)
    if found is None:
        looked = ", ".join(map(str, dict.fromkeys(folders)))
        raise InvalidProject(
            f"board_build.partitions names {name}: there is no such table",
            path=str(next(iter(environment.read_from), own_ini(environment))),
            hint=f"it was looked for in {looked}",
        )
    return found


def own_ini(environment: Environment) -> Path:
    """The project's ini file, where it is not said which files it was read from."""
    return environment.project_dir / "platformio.ini"
